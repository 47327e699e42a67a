import { beforeEach, describe, expect, it } from 'vitest'
import { BindingKind } from '../../../src/dataplane/generated/layouts.ts'
import { offsetAddress, parseAddress } from '../../../src/net/address.ts'
import { MemoryMaps } from './memory-maps.ts'
import { addressOf, interfaceOf, MAC, PUBLIC, stateOf } from './states.ts'

const IPV6 = parseAddress('2001:db8::1')
const DEFAULT = { address: parseAddress('0.0.0.0'), prefixLength: 0, type: 'via' as const, mtu: 1500 }
const ROUTER = offsetAddress(PUBLIC, 1)

let maps: MemoryMaps
beforeEach(() => {
  maps = new MemoryMaps()
})

describe('what the programs do not serve yet', () => {
  it('is refused by name, and everything else is served', () => {
    const hop = { address: ROUTER, ifindex: 2, mtu: 1500, sourceMac: MAC, destinationMac: MAC }
    const { failures } = maps.apply(
      stateOf({
        interfaces: [interfaceOf(1, 1024), { ...interfaceOf(2), address: IPV6 }],
        addresses: [addressOf(PUBLIC), addressOf(IPV6)],
        nextHops: [hop, { ...hop, address: IPV6 }],
        routes: [
          { ...DEFAULT, nextHop: ROUTER },
          { ...DEFAULT, prefixLength: 8, nextHop: IPV6 },
        ],
      }),
    )
    expect(failures.map(({ message }) => message)).toEqual([
      'public address 2001:db8::1: IPv6 is not supported yet; IPv4 is',
      'interface default/vm-2 (2001:db8::1, VNI 100) gets no ports: IPv6 is not supported yet; IPv4 is',
      'next hop 2001:db8::1: IPv6 is not supported yet; IPv4 is',
      'route 0.0.0.0/8: IPv6 is not supported yet; IPv4 is',
    ])
    expect([...maps.image.interfaces.keys()]).toEqual([{ vni: 100, address: 0x0a000001 }])
    expect([...maps.image.routes.keys()]).toEqual([{ prefixLength: 0, address: 0 }])
  })

  it('is refused for an interface of another node, which loses its entries here', () => {
    const local = interfaceOf(1, 1024)
    maps.apply(stateOf({ interfaces: [local], addresses: [addressOf(PUBLIC)] }))
    const remote = { ...local, owner: { kind: 'remote' as const, node: 'worker-2' } }
    const { failures } = maps.apply(stateOf({ interfaces: [remote], addresses: [addressOf(PUBLIC)] }))
    expect(failures[0]?.message).toBe(
      'interface default/vm-1 (10.0.0.1, VNI 100) gets no ports: ' +
        'node worker-2 has it, and relaying to another node is not supported yet',
    )
    expect(failures[0]?.affects).toEqual({ scope: 'interface', name: 'default/vm-1' })
    expect([...maps.image.interfaces.keys()]).toEqual([])
    expect(maps.image.slices.get(0)).toMatchObject({ kind: BindingKind.BINDING_NONE, size: 0 })
    expect(maps.flushed).toEqual([0])
  })

  it('stays refused while others change, and leaves no entry behind', () => {
    const refused = { ...interfaceOf(2), address: IPV6 }
    const derived = (revision: number, removed: (typeof refused)[], added: (typeof refused)[]) => ({
      derivation: { revision, from: revision - 1, change: { removed, added } },
    })
    maps.apply(stateOf({ interfaces: [refused], ...derived(1, [], [refused]) }))
    const other = interfaceOf(3)
    const second = maps.apply(stateOf({ interfaces: [refused, other], ...derived(2, [], [other]) }))
    expect(second.failures).toHaveLength(1)
    const third = maps.apply(stateOf({ interfaces: [other], ...derived(3, [refused], []) }))
    expect(third.failures).toEqual([])
    expect([...maps.image.interfaces.keys()]).toHaveLength(1)
  })
})
