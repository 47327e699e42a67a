import { describe, expect, it } from 'vitest'
import { hostAddressProblems } from '../../../src/checks/host-address-problems.ts'
import { parseAddress } from '../../../src/net/address.ts'

const ports = { first: 40_000, last: 49_999 }
const pool = { prefix: '198.51.100.0/28', ports, shared: false }
const single = { prefix: '192.0.2.2/32', ports, shared: true }
const range = { prefix: '203.0.113.0/30', ports, shared: true }

const up0 = (address: string) => ({ device: 'up0', address: parseAddress(address) })
const nat = (address: string, shared: boolean) => ({ address: parseAddress(address), shared })
const problems = (...args: Parameters<typeof hostAddressProblems>) =>
  hostAddressProblems(...args).map(({ reason, object }) => `${object} ${reason}`)

describe('an address that is NAT’s alone', () => {
  it('is a problem while the host has it and NAT uses it', () => {
    const used = [nat('198.51.100.1', false)]
    expect(problems([pool], [up0('198.51.100.1')], used)).toEqual(['address 198.51.100.1 AddressTakenByHost'])
    expect(problems([pool], [up0('198.51.100.2')], used)).toEqual([])
    expect(problems([pool], [up0('198.51.100.1')], [])).toEqual([])
  })

  it('comes with the command that takes it off the host', () => {
    const [problem] = hostAddressProblems([pool], [up0('198.51.100.1')], [nat('198.51.100.1', false)])
    expect(problem?.remedy).toContain('ip address del 198.51.100.1 dev up0')
  })
})

describe('an address that the host shares', () => {
  it('is a problem where the host does not have it, used or not', () => {
    expect(problems([pool, single], [up0('192.0.2.2')], [nat('192.0.2.2', true)])).toEqual([])
    expect(problems([pool, single], [up0('192.0.2.50')], [])).toEqual(['address 192.0.2.2 SharedAddressMissing'])
  })

  it('is a problem within a larger prefix once NAT uses it', () => {
    const used = [nat('203.0.113.1', true), nat('203.0.113.2', true)]
    expect(problems([range], [up0('203.0.113.1')], used)).toEqual(['address 203.0.113.2 SharedAddressMissing'])
    expect(problems([range], [], [])).toEqual([])
  })
})
