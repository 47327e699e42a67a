import { describe, expect, it } from 'vitest'
import { forwardingNotes, readForwarding, type ForwardingSettings } from '../../../src/checks/forwarding.ts'

const OFF: ForwardingSettings = {
  ipv4: false,
  ipv6: false,
  sourceRoutes: false,
  redirects: true,
  reversePathFilter: 0,
}

describe('what the host forwards by itself', () => {
  const named = (change: Partial<ForwardingSettings>) =>
    forwardingNotes({ ...OFF, ...change }).map((note) => note.split(':')[0])

  it('is not mentioned where it is nothing', () => {
    expect(named({})).toEqual([])
    expect(named({ reversePathFilter: 2 })).toEqual([])
  })

  it.each<[Partial<ForwardingSettings>, string[]]>([
    [{ ipv4: true }, ['net.ipv4.ip_forward=1', 'net.ipv4.conf.all.send_redirects=1']],
    [{ ipv4: true, redirects: false }, ['net.ipv4.ip_forward=1']],
    [{ ipv6: true }, ['net.ipv6.conf.all.forwarding=1']],
    [{ sourceRoutes: true }, ['net.ipv4.conf.all.accept_source_route=1']],
    [{ reversePathFilter: 1 }, ['net.ipv4.conf.all.rp_filter=1']],
  ])('%j is said by the name of its setting', (change, names) => {
    expect(named(change)).toEqual(names)
  })

  it('is read from this host', () => {
    expect(Object.values(readForwarding()).every((value) => typeof value === 'boolean' || value >= 0)).toBe(true)
  })
})
