// Ports of shared addresses that connections of the host itself may take as well.
import { readFileSync } from 'node:fs'
import type { PublicPrefix } from '../config/config.ts'
import type { PortRange } from '../net/ports.ts'
import { parsePortRanges } from '../net/ports.ts'
import type { Problem } from '../problems/problem.ts'

/** Which source ports the kernel takes for connections of the host's own. */
export interface LocalPorts {
  /** net.ipv4.ip_local_port_range */
  range: PortRange
  /** net.ipv4.ip_local_reserved_ports: never taken */
  reserved: PortRange[]
}

export function localPortProblems(prefixes: readonly PublicPrefix[], local: LocalPorts): Problem[] {
  return prefixes.flatMap(({ prefix, ports, shared }): Problem[] => {
    const clash = shared ? firstClash(ports, local) : undefined
    if (clash === undefined) return []
    const range = `${ports.first}-${ports.last}`
    return [
      {
        reason: 'LocalPortsOverlap',
        severity: 'error',
        object: `prefix ${prefix}`,
        message: `the host shares it, and its own connections may use port ${clash} and others of NAT's ports ${range}: replies to them are dropped`,
        remedy: `sysctl -w net.ipv4.ip_local_reserved_ports=${range}`,
      },
    ]
  })
}

/** The lowest port of `ports` that the kernel may give to a connection of the host. */
function firstClash(ports: PortRange, local: LocalPorts): number | undefined {
  let port = Math.max(ports.first, local.range.first)
  const last = Math.min(ports.last, local.range.last)
  for (const reserved of [...local.reserved].sort((a, b) => a.first - b.first)) {
    if (port >= reserved.first && port <= reserved.last) port = reserved.last + 1
  }
  return port <= last ? port : undefined
}

/** Of the network namespace of this process. */
export function readLocalPorts(): LocalPorts {
  const read = (name: string): string => readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim()
  const [first = 0, last = 0] = read('ip_local_port_range').split(/\s+/).map(Number)
  return { range: { first, last }, reserved: parsePortRanges(read('ip_local_reserved_ports')) }
}
