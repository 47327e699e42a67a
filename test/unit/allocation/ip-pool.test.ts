import { describe, expect, it } from 'vitest'
import type { PoolPrefix } from '../../../src/allocation/ip-pool.ts'
import { IpPool } from '../../../src/allocation/ip-pool.ts'
import { parseCidr } from '../../../src/net/cidr.ts'

const all = { first: 1024, last: 65535 }
const prefix = (cidr: string, ports = all, shared = false): PoolPrefix => ({ prefix: cidr, ports, shared })
const taken = (...ips: string[]) => {
  const set = new Set(ips)
  return (ip: string) => set.has(ip)
}
const drain = (pool: IpPool): string[] => {
  const ips = new Set<string>()
  for (let next = pool.next(() => false); next; next = pool.next((ip) => ips.has(ip))) ips.add(next.ip)
  return [...ips]
}

describe('a pool of public addresses', () => {
  it('gives every address of its prefixes: prefixes in their order, the lowest first', () => {
    expect(drain(new IpPool([prefix('198.51.100.8/30'), prefix('192.0.2.1/32')]))).toEqual([
      '198.51.100.8',
      '198.51.100.9',
      '198.51.100.10',
      '198.51.100.11',
      '192.0.2.1',
    ])
  })

  it('leaves out reserved addresses and prefixes', () => {
    const pool = new IpPool([prefix('198.51.100.0/29')], ['198.51.100.0/32', '198.51.100.4/30'].map(parseCidr))
    expect(drain(pool)).toEqual(['198.51.100.1', '198.51.100.2', '198.51.100.3'])
    expect(pool.size).toBe(3)
  })

  it('finds a reserved address, and no address outside of its prefixes', () => {
    const pool = new IpPool([prefix('198.51.100.0/29')], ['198.51.100.5/32', '192.0.2.1/32'].map(parseCidr))
    expect(pool.find('198.51.100.5')).toMatchObject({ ip: '198.51.100.5', shared: false })
    expect(drain(pool)).not.toContain('198.51.100.5')
    expect(pool.find('198.51.100.8')).toBeUndefined()
    expect(pool.find('192.0.2.1')).toBeUndefined()
  })

  it('takes an address that two prefixes have from the first', () => {
    const pool = new IpPool([prefix('198.51.100.1/32', { first: 2000, last: 2999 }, true), prefix('198.51.100.0/30')])
    expect(pool.size).toBe(4)
    expect(pool.find('198.51.100.1')).toEqual({ ip: '198.51.100.1', ports: { first: 2000, last: 2999 }, shared: true })
    expect(drain(pool)).toEqual(['198.51.100.1', '198.51.100.0', '198.51.100.2', '198.51.100.3'])
  })

  it('passes over addresses with fewer ports than asked for', () => {
    const pool = new IpPool([prefix('192.0.2.1/32', { first: 1024, last: 1087 }), prefix('192.0.2.2/32')])
    expect(pool.next(taken(), 64)?.ip).toBe('192.0.2.1')
    expect(pool.next(taken(), 65)?.ip).toBe('192.0.2.2')
    expect(pool.offers(64512)).toBe(true)
    expect(pool.offers(64513)).toBe(false)
  })

  it('gives nothing when everything is taken, and finds no other address', () => {
    const pool = new IpPool([prefix('192.0.2.1/32')])
    expect(pool.next(taken('192.0.2.1'))).toBeUndefined()
    expect(pool.find('192.0.2.2')).toBeUndefined()
    expect(pool.find('fd00::1')).toBeUndefined()
  })

  it('reads the taken addresses and no others, however large the prefix', () => {
    const pool = new IpPool([prefix('0.0.0.0/0')], ['0.0.0.0/8', '224.0.0.0/3'].map(parseCidr))
    let asked = 0
    const next = pool.next((ip) => {
      asked++
      return ip === '1.0.0.0'
    })
    expect(next?.ip).toBe('1.0.0.1')
    expect(asked).toBe(2)
    expect(pool.size).toBe(2 ** 32 - 2 ** 24 - 2 ** 29)
  })

  it('gives the very last address there is', () => {
    expect(drain(new IpPool([prefix('255.255.255.255/32')]))).toEqual(['255.255.255.255'])
  })

  it('refuses a text that is no prefix', () => {
    expect(() => new IpPool([prefix('198.51.100.1/30')])).toThrow('198.51.100.0/30')
  })
})
