// Two machines behind one bridge, which is the private device: the second takes the address of the first.
import { expect, test } from 'vitest'
import { type GatewayLab, useGateway } from '../../support/gateway-lab.ts'
import { interfaceManifest, waitUntil, WEB_ADDRESS, writeManifest } from '../../support/netns.ts'

async function onOneBridge({ lab }: GatewayLab): Promise<void> {
  await lab.gateway.ip(
    'addr flush dev p1',
    'addr flush dev p2',
    'link add br0 type bridge',
    'link set p1 master br0',
    'link set p2 master br0',
    'addr add 10.0.0.254/24 dev br0',
    'link set br0 up',
  )
}

const gateway = useGateway(
  { config: { private: [{ interface: 'br0', network: 'network-sample' }] } },
  async (gateway) => {
    await onOneBridge(gateway)
    await gateway.serve()
  },
)
const machine = (n: number) => gateway().lab.machine(n)
const pings = async (n: number, from: string): Promise<boolean> =>
  (await machine(n).host.attempt('ping', ['-c', '2', '-i', '0.1', '-W', '1', '-I', from, WEB_ADDRESS])).status === 0
const macOf = async (n: number): Promise<string> => {
  const [link] = JSON.parse(await machine(n).host.run('ip', '-j', 'link', 'show', 'eth0')) as { address: string }[]
  return link?.address ?? ''
}
const spoofed = async (): Promise<number> => (await gateway().natgw.drops())['spoofed_mac'] ?? NaN
const sessionsOfFirst = async (): Promise<number> => {
  const { address } = machine(1)
  return (await gateway().natgw.sessions()).filter((each) => each.inside.startsWith(`${address}:`)).length
}

test('an address that is bound to no MAC can be used by another machine behind the same device', async () => {
  await machine(2).host.ip(`addr add ${machine(1).address}/32 dev eth0`)
  const before = await sessionsOfFirst()
  await machine(2).host.attempt('ping', ['-c', '1', '-W', '1', '-I', machine(1).address, WEB_ADDRESS])
  expect(await sessionsOfFirst()).toBe(before + 1)
  expect(await spoofed()).toBe(0)
})

test('an address that is bound to a MAC serves that machine only, even while another machine answers ARP for it', async () => {
  const { files, natgw } = gateway()
  const { address } = machine(1)
  const plain = interfaceManifest(machine(1)) as { metadata: object }
  const annotations = { 'natgw.dev/mac-address': await macOf(1) }
  writeManifest(files, machine(1).name, { ...plain, metadata: { ...plain.metadata, annotations } })
  const sent = async (): Promise<number> => {
    await machine(2).host.attempt('ping', ['-c', '1', '-W', '0.2', '-I', address, WEB_ADDRESS])
    return spoofed()
  }
  await waitUntil('the binding', 10_000, async () => (await sent()) > 0)

  // Its neighbour in the host's table is the thief, for as long as it likes.
  const thief = await macOf(2)
  await gateway().lab.gateway.ip(`neigh replace ${address} lladdr ${thief} dev br0 nud permanent`)
  const [sessions, drops] = [await sessionsOfFirst(), await spoofed()]
  await machine(2).host.attempt('ping', ['-c', '5', '-i', '0.05', '-W', '0.2', '-I', address, WEB_ADDRESS])
  expect(await spoofed()).toBe(drops + 5)
  expect(await sessionsOfFirst()).toBe(sessions)
  expect(await pings(1, address)).toBe(true)
  expect(await pings(2, machine(2).address)).toBe(true)
  expect((await natgw.status()).problems.filter(({ object }) => object.includes('m1'))).toEqual([])

  await gateway().lab.gateway.ip(`neigh del ${address} dev br0`)
  writeManifest(files, machine(1).name, plain)
  const more = await spoofed()
  await waitUntil('the end of the binding', 10_000, async () => {
    const before = await spoofed()
    return (await sent()) === before
  })
  expect(await spoofed()).toBeGreaterThanOrEqual(more)
})

test('an annotation that is no MAC is refused by name, and the binding before it stays', async () => {
  const plain = interfaceManifest(machine(1)) as { metadata: object }
  const annotations = { 'natgw.dev/mac-address': '02:00:00' }
  writeManifest(gateway().files, machine(1).name, { ...plain, metadata: { ...plain.metadata, annotations } })
  await expect
    .poll(async () => (await gateway().natgw.status()).problems, { timeout: 10_000 })
    .toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('"02:00:00" is not a MAC address') as string }),
    )
})
