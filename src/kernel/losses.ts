// Packets that the programs sent on and the kernel lost, in words.
import { getSystemErrorName } from 'node:util'
import { LossError } from '../dataplane/generated/layouts.ts'
import type { DataplaneMaps } from './pinned-maps.ts'

/** Packets lost on the way to one device for one reason. */
export interface Loss {
  ifindex: number
  /** Name of the errno, or QUEUE_FULL. */
  error: string
  packets: number
}

export function readLosses(maps: Pick<DataplaneMaps, 'losses'>): Loss[] {
  return Array.from(maps.losses.entries(), ([{ ifindex, error }, packets]) => ({
    ifindex,
    error: error === LossError.LOSS_QUEUE_FULL ? 'QUEUE_FULL' : errnoName(error),
    packets: Number(packets),
  }))
}

function errnoName(errno: number): string {
  const name = getSystemErrorName(-errno)
  // EOPNOTSUPP and ENOTSUP are one number.
  return name === 'ENOTSUP' ? 'EOPNOTSUPP' : name
}

/** What a loss means and what helps. @param device name of the device that was to send */
export function explainLoss(error: string, device: string): { meaning: string; remedy: string } {
  switch (error) {
    case 'EOPNOTSUPP':
    case 'ENXIO':
      return {
        meaning:
          'it takes no frames from native XDP: a bridge or VLAN, or a veth whose far end is down or has neither GRO nor XDP',
        remedy: `switch GRO on at the far end of ${device} (ethtool -K FAR_END gro on), or set xdpMode: generic`,
      }
    case 'ENETDOWN':
      return { meaning: 'it is set down', remedy: `ip link set ${device} up` }
    case 'EMSGSIZE':
      return { meaning: 'packets are larger than its MTU', remedy: `give ${device} and the far end one MTU` }
    case 'EINVAL':
      return { meaning: 'it did not exist when the packet came', remedy: 'nothing, if a device has just been removed' }
    case 'QUEUE_FULL':
    case 'ENOSPC':
      return {
        meaning: 'it takes packets slower than they come: its queue is full',
        remedy: `a longer queue (ethtool -G), more queues, or a faster receiver behind ${device}`,
      }
    default:
      return { meaning: `the kernel says ${error}`, remedy: 'see the kernel log (dmesg)' }
  }
}
