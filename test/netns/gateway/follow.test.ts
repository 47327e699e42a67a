import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { instanceFolder, openLink, pinnedLinks } from '../../../src/kernel/pins.ts'
import { BpfMap } from '../../../src/native/load-native.ts'
import { type GatewayLab, useGateway } from '../../support/gateway-lab.ts'
import {
  ask,
  Client,
  DNS_ADDRESS,
  GATEWAY_UPLINK,
  INTERNET_ROUTER,
  type Machine,
  PUBLIC_PREFIX,
  startEchoServer,
  waitUntil,
} from '../../support/netns.ts'

const ECHO = { protocol: 'tcp', address: DNS_ADDRESS, port: 7 } as const

async function reaches(machine: Machine, address: string = DNS_ADDRESS): Promise<boolean> {
  const [answer] = await ask(machine.host, { ...ECHO, address, sources: [0], timeout: 500 })
  return answer?.reply !== undefined
}

async function untilReached(machine: Machine, address: string = DNS_ADDRESS): Promise<void> {
  await waitUntil(`${machine.name} to reach ${address}`, 15_000, () => reaches(machine, address))
}

describe('manifests that change while natgw runs, with two slices for three machines', () => {
  const publicPrefixes = [{ prefix: '198.51.100.1/32', ports: '1024-1151' }]
  const gateway = useGateway({ networks: [3], config: { publicPrefixes } }, async (gateway) => {
    await startEchoServer(gateway.lab.internet, ECHO.address, ECHO.port)
    await gateway.serve([gateway.lab.machine(1)])
  })
  const machine = (n: number) => gateway().lab.machine(n)
  const summary = async () => (await gateway().natgw.status()).gateways[0]

  test('come, change and go without disturbing the running connection of another machine', async () => {
    await using client = Client.open(machine(1).host, { ...ECHO, sources: [36_000] })
    const first = await client.ask('still the same')
    expect(first[0]?.reply).toMatch(/^198\.51\.100\.1:/)
    const goesOn = async () => expect(await client.ask('still the same')).toEqual(first)

    expect(await reaches(machine(2))).toBe(false)
    gateway().addMachine(machine(2))
    await gateway().waitForSlices(2)
    expect(await reaches(machine(2))).toBe(true)
    await goesOn()

    await machine(2).host.ip('address flush dev eth0', 'address add 10.0.0.22/24 dev eth0')
    await machine(2).host.ip('route replace default via 10.0.0.254')
    await gateway().lab.gateway.ip('route add 10.0.0.22/32 dev p2')
    expect(await reaches(machine(2))).toBe(false)
    gateway().addMachine({ ...machine(2), address: '10.0.0.22' })
    await untilReached(machine(2))
    await goesOn()

    gateway().addMachine(machine(3))
    await waitUntil('an interface that waits', 5_000, async () => (await summary())?.slices.waiting === 1)
    expect(await gateway().reasonOf(machine(3), 'NATReady')).toBe('PoolExhausted')
    expect(await summary()).toMatchObject({
      slices: { total: 2, used: 2, free: 0, waiting: 1 },
      ready: { reason: 'PoolExhausted' },
    })
    expect((await gateway().natgw.status()).problems).toContainEqual(
      expect.objectContaining({ object: 'NetworkInterface default/m3', reason: 'PoolExhausted' }),
    )
    expect(await reaches(machine(3))).toBe(false)
    await goesOn()

    gateway().removeManifest('m2')
    await untilReached(machine(3))
    expect(await reaches(machine(2))).toBe(false)
    expect(await gateway().reasonOf(machine(3), 'NATReady')).toBe('SliceAssigned')
    expect(await summary()).toMatchObject({ slices: { used: 2, waiting: 0 }, ready: { status: 'True' } })
    await goesOn()
  })
})

describe('a network that changes while natgw runs', () => {
  const ON_LINK = '192.0.2.77'
  const gateway = useGateway({ config: { driftIntervalSeconds: 1 } }, async (gateway) => {
    await startEchoServer(gateway.lab.internet, ECHO.address, ECHO.port)
    await gateway.serve()
  })
  const machine = (n = 1) => gateway().lab.machine(n)

  test('a destination on the subnet of the uplink is reached once it is resolved', async () => {
    const { lab } = gateway()
    await lab.internet.ip(`address add ${ON_LINK}/24 dev eth0`)
    await startEchoServer(lab.internet, ON_LINK, ECHO.port)
    await untilReached(machine(), ON_LINK)
  })

  test('a machine that comes back with another MAC address is reached again', async () => {
    await machine().host.ip('link set eth0 down', 'link set eth0 address 02:00:00:00:00:99', 'link set eth0 up')
    await machine().host.ip('route replace default via 10.0.0.254')
    await untilReached(machine())
  })

  test('a router that is replaced by another with its address is followed', async () => {
    const { internet } = gateway().lab
    await internet.ip('link set eth0 down', 'link set eth0 address 02:00:00:00:00:98', 'link set eth0 up')
    await internet.ip(`route replace ${PUBLIC_PREFIX} dev eth0`)
    // It has a word for the gateway before long, as any router does.
    await internet.attempt('ping', ['-c', '1', '-W', '1', GATEWAY_UPLINK])
    await untilReached(machine())
  })

  test('an uplink that vanishes and comes back is served again', async () => {
    await replaceUplink(gateway())
    await untilReached(machine())
    await untilReached(machine(2))
    expect((await gateway().natgw.status()).devices).toContainEqual(
      expect.objectContaining({ device: 'up0', role: 'uplink', mode: 'native' }),
    )
    expect(gateway().complaints()).toContainEqual(expect.stringMatching(/device up0: DeviceMissing/))
  })

  test('removed map entries and programs are restored within the drift interval and counted', async () => {
    await using client = Client.open(machine().host, { ...ECHO, sources: [36_200] })
    const first = await client.ask('still the same')
    const { instance } = gateway().lab
    const emptied = ['interfaces', 'addresses', 'devices'].map((name) => emptyMap(instance, name))
    const link = openLink(pinnedLinks(instance).find(({ role }) => role === 'private')!)
    link.detach()
    link.close()
    await delay(2_500)
    expect(await client.ask('still the same')).toEqual(first)
    await untilReached(machine(2))
    const { repairs } = await gateway().stop()
    expect(repairs).toEqual({
      entries: { interfaces: emptied[0], addresses: emptied[1], devices: emptied[2] },
      programs: 1,
    })
  })
})

/** Unplugs the uplink's cable for good, and puts in a new one. */
async function replaceUplink({ lab }: GatewayLab): Promise<void> {
  await lab.gateway.ip('link delete up0')
  expect(await reaches(lab.machine(1))).toBe(false)
  await lab.gateway.ip(`link add up0 type veth peer name eth0 netns ${lab.internet.fullName}`)
  await lab.internet.run('ethtool', '-K', 'eth0', 'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'on')
  await lab.internet.ip(
    `address add ${INTERNET_ROUTER}/24 dev eth0`,
    'link set eth0 up',
    `route add ${PUBLIC_PREFIX} dev eth0`,
  )
  await lab.gateway.ip(
    `address add ${GATEWAY_UPLINK}/24 dev up0`,
    'link set up0 up',
    `route add default via ${INTERNET_ROUTER}`,
  )
}

/** Clears every entry of a pinned hash, or of an array. @returns how many said something */
function emptyMap(instance: string, name: string): number {
  const map = BpfMap.openPinned(`${instanceFolder(instance)}/maps/${name}`)
  try {
    const { keySize, valueSize, type } = map.info
    const { keys, values, count } = map.entries()
    let emptied = 0
    for (let i = 0; i < count; i++) {
      const key = keys.slice(i * keySize, (i + 1) * keySize)
      const said = values.subarray(i * valueSize, (i + 1) * valueSize).some((byte) => byte !== 0)
      if (!said) continue
      emptied++
      if (type === BPF_MAP_TYPE_ARRAY) map.update(key, new Uint8Array(valueSize))
      else map.delete(key)
    }
    return emptied
  } finally {
    map.close()
  }
}

const BPF_MAP_TYPE_ARRAY = 2
