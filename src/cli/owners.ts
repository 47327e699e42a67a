import type { Resource } from '../api/index.ts'
import { isOfKind, NAT_TABLE } from '../api/index.ts'

/** Who owns a port of a public address, as `namespace/name`. */
export interface Owner {
  networkInterface: string
  gateway: string
}

interface Table {
  first: number
  portsPerSlice: number
  /** By first port. */
  slices: Map<number, Owner>
}

/** Looks up by address and port, from the NATTables of the state file. */
export class Owners {
  readonly #tables = new Map<string, Table>()

  constructor(objects: readonly Resource[]) {
    for (const object of objects) {
      if (!isOfKind(object, NAT_TABLE)) continue
      const { ip, gatewayRef, ports, portsPerSlice, sections } = object.spec
      const namespace = object.metadata.namespace ?? ''
      const slices = new Map(
        sections.map(({ port, targetRef }) => [
          port,
          { gateway: `${namespace}/${gatewayRef.name}`, networkInterface: `${namespace}/${targetRef.name}` },
        ]),
      )
      this.#tables.set(ip, { first: ports.first, portsPerSlice, slices })
    }
  }

  /** @param port any of the slice. @returns undefined when that is not known */
  of(publicAddress: string, port: number): Owner | undefined {
    const table = this.#tables.get(publicAddress)
    if (table === undefined) return undefined
    const { first, portsPerSlice, slices } = table
    return slices.get(port - ((port - first) % portsPerSlice))
  }
}
