// Problems of the agent itself.
import { messageOf, NatGwError } from '../errors/errors.ts'
import type { Problem } from '../problems/problem.ts'

export function hostUnreadable(error: unknown): Problem {
  return {
    reason: 'HostUnreadable',
    severity: 'error',
    object: 'network of the host',
    message: `it cannot be read, so changes of links, addresses, routes and neighbours are not followed: ${messageOf(error)}`,
    remedy: 'it is tried again, after 30 s at the latest',
  }
}

export function passFailed(error: unknown): Problem {
  return {
    reason: 'PassFailed',
    severity: 'error',
    object: 'agent',
    message: `maps and programs could not be brought up to date: ${messageOf(error)}`,
    remedy: 'it is tried again every 5 s; the log has more',
  }
}

export function neighbourTableFull(): Problem {
  return {
    reason: 'NeighbourTableFull',
    severity: 'error',
    object: 'neighbour table of the kernel',
    message: 'it is full: routers, destinations and machines that found no room in it are not reached',
    remedy: 'raise net.ipv4.neigh.default.gc_thresh3, as docs/configuration.md says',
  }
}

/** @param object `<Kind> <namespace>/<name>` */
export function objectIgnored(object: string, error: unknown): Problem {
  return {
    reason: error instanceof NatGwError ? error.code : 'ObjectIgnored',
    severity: 'error',
    object,
    message: `the agent cannot use it, and goes on without: ${messageOf(error)}`,
    remedy: 'correct the object',
  }
}
