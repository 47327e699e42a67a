import { NatGwError } from '../errors/errors.ts'
import type { PortRange } from '../net/ports.ts'

/** @throws ERR_INVALID_FIELD unless it is a whole number of at least 1 */
export function checkPortsPerSlice(portsPerSlice: number): void {
  if (Number.isInteger(portsPerSlice) && portsPerSlice >= 1) return
  const message = `a slice has a whole number of ports, at least 1, not ${portsPerSlice}`
  throw new NatGwError('ERR_INVALID_FIELD', message, { field: 'portsPerSlice', value: portsPerSlice })
}

/** Slices of `portsPerSlice` ports that fit into the range; 0 when not even one does. */
export function sliceCapacity(ports: PortRange, portsPerSlice: number): number {
  return Math.max(0, Math.floor((ports.last - ports.first + 1) / portsPerSlice))
}

/** Ports of slice `index`, counted from 0. */
export function sliceAt(ports: PortRange, portsPerSlice: number, index: number): { port: number; endPort: number } {
  const port = ports.first + index * portsPerSlice
  return { port, endPort: port + portsPerSlice - 1 }
}

/** @returns which slice of the range the ports are; undefined unless they are exactly one */
export function sliceIndexOf(
  ports: PortRange,
  portsPerSlice: number,
  section: { port: number; endPort: number },
): number | undefined {
  const index = (section.port - ports.first) / portsPerSlice
  if (!Number.isInteger(index) || index < 0 || index >= sliceCapacity(ports, portsPerSlice)) return undefined
  return section.endPort === section.port + portsPerSlice - 1 ? index : undefined
}
