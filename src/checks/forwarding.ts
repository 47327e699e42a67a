// Forwarding by the kernel itself that nothing but the programs keeps away from private machines.
import { readFileSync } from 'node:fs'
import { listNames } from '../problems/failing-objects.ts'
import type { Problem } from '../problems/problem.ts'

/** What the kernel does with packets of a private device that it forwards by itself. */
export interface DeviceForwarding {
  device: string
  /** net.ipv4.conf.DEVICE.forwarding: what the device receives is forwarded. */
  ipv4: boolean
  /** net.ipv6.conf.all.forwarding, and IPv6 is not disabled on the device: what is for its addresses is forwarded to it. */
  ipv6: boolean
}

/** One problem a family. Settings that change nothing beside natgw (rp_filter, send_redirects, source routes) are none. */
export function forwardingProblems(devices: readonly DeviceForwarding[]): Problem[] {
  const ipv4 = devices.filter((each) => each.ipv4).map(({ device }) => device)
  const ipv6 = devices.filter((each) => each.ipv6).map(({ device }) => device)
  return [
    ...problemOf(
      ipv4,
      'IPv4 forwarding of the kernel',
      'it is on for private devices: one that loses its program sends untranslated packets out',
      'sysctl -w net.ipv4.conf.DEVICE.forwarding=0 for each, or net.ipv4.ip_forward=0 where the host forwards for nobody else',
    ),
    ...problemOf(
      ipv6,
      'IPv6 forwarding of the kernel',
      'it is on, and natgw does not filter IPv6 on the uplink: what comes in for IPv6 addresses behind private devices reaches them',
      'sysctl -w net.ipv6.conf.all.forwarding=0, or net.ipv6.conf.DEVICE.disable_ipv6=1 for each private device',
    ),
  ]
}

function problemOf(devices: readonly string[], object: string, message: string, remedy: string): Problem[] {
  if (devices.length === 0) return []
  return [
    {
      reason: 'KernelForwards',
      severity: 'warning',
      object,
      message,
      detail: listNames(devices, devices.length),
      remedy,
    },
  ]
}

/** In the network namespace of this process. A device that is gone forwards nothing. */
export function readForwarding(devices: readonly string[]): DeviceForwarding[] {
  const ipv6 = isSet('ipv6/conf/all/forwarding')
  return devices.map((device) => ({
    device,
    ipv4: isSet(`ipv4/conf/${device}/forwarding`),
    ipv6: ipv6 && !isSet(`ipv6/conf/${device}/disable_ipv6`, true),
  }))
}

/** @param absent what a setting that does not exist counts as: a kernel without IPv6 has none of its settings */
function isSet(name: string, absent = false): boolean {
  try {
    return Number(readFileSync(`/proc/sys/net/${name}`, 'utf8')) !== 0
  } catch {
    return absent
  }
}
