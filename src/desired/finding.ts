/** What becomes of a NetworkInterface on this node; written as its condition `Programmed`. */
export interface Finding {
  status: 'True' | 'False'
  reason:
    | 'Programmed'
    | 'NoDevice' // of several devices none is known to hold the address
    | 'NeighbourUnresolved' // the inside next hop does not answer ARP (yet)
    | 'DeviceMissing' // its private device does not exist
    | 'ProgramFailed' // programs or entries could not be put in place
    | 'AddressConflict' // another interface of the Network has the address
  /** A sentence. */
  message: string
}
