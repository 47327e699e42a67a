// What the host's own forwarding settings mean beside the programs.
import { readFileSync } from 'node:fs'

export interface ForwardingSettings {
  /** net.ipv4.ip_forward */
  ipv4: boolean
  /** net.ipv6.conf.all.forwarding */
  ipv6: boolean
  /** net.ipv4.conf.all.accept_source_route */
  sourceRoutes: boolean
  /** net.ipv4.conf.all.send_redirects */
  redirects: boolean
  /** net.ipv4.conf.all.rp_filter: 0 none, 1 strict, 2 loose */
  reversePathFilter: number
}

/** Sentences for the log; a setting that changes nothing beside natgw has none. */
export function forwardingNotes(settings: ForwardingSettings): string[] {
  const notes: string[] = []
  if (settings.ipv4) {
    notes.push(
      'net.ipv4.ip_forward=1: the kernel forwards IPv4 too. The programs pass it nothing from private devices but what is for the host, ' +
        'and nothing for addresses behind them; a device that loses its program has no such guard. Set it to 0 where nothing else needs it',
    )
  }
  if (settings.ipv4 && settings.redirects) {
    notes.push(
      'net.ipv4.conf.all.send_redirects=1: the kernel may tell hosts of shorter ways for what it forwards by itself; NAT is not concerned',
    )
  }
  if (settings.ipv6) {
    notes.push(
      'net.ipv6.conf.all.forwarding=1: what comes in on the uplink for IPv6 addresses behind private devices is forwarded by the kernel, ' +
        'since NAT is IPv4 only. Set it to 0, or filter it, where private machines have IPv6 addresses',
    )
  }
  if (settings.sourceRoutes) {
    notes.push(
      'net.ipv4.conf.all.accept_source_route=1: source-routed packets are dropped on the uplink and on private devices all the same; ' +
        'other devices of the host take them. Set it to 0',
    )
  }
  if (settings.reversePathFilter === 1) {
    notes.push(
      'net.ipv4.conf.all.rp_filter=1: it concerns what is for the host itself; translated packets do not meet it',
    )
  }
  return notes
}

/** Of the network namespace of this process. */
export function readForwarding(): ForwardingSettings {
  const read = (name: string): number => {
    try {
      return Number(readFileSync(`/proc/sys/net/${name}`, 'utf8'))
    } catch {
      return 0 // a kernel without IPv6
    }
  }
  return {
    ipv4: read('ipv4/ip_forward') === 1,
    ipv6: read('ipv6/conf/all/forwarding') > 0,
    sourceRoutes: read('ipv4/conf/all/accept_source_route') === 1,
    redirects: read('ipv4/conf/all/send_redirects') === 1,
    reversePathFilter: read('ipv4/conf/all/rp_filter'),
  }
}
