import { expect, test } from 'vitest'
import { readProblems, useGateway } from '../../support/gateway-lab.ts'
import { WEB_ADDRESS } from '../../support/netns.ts'

const gateway = useGateway({ config: { xdpMode: 'native' } })
const machine = () => gateway().lab.machine(1).host
const ping = (count: number) => machine().attempt('ping', ['-c', String(count), '-i', '0.05', '-W', '0.3', WEB_ADDRESS])
const lost = async (device: string): Promise<number> => {
  const { lost } = JSON.parse(await gateway().natgw.show('drops', '-o', 'json')) as {
    lost: { device: string; packets: number }[]
  }
  return lost.filter((each) => each.device === device).reduce((sum, { packets }) => sum + packets, 0)
}

test('nothing is lost while everything works', async () => {
  expect((await ping(5)).status).toBe(0)
  expect(await lost('up0')).toBe(0)
  expect(await lost('p1')).toBe(0)
})

test('packets that the uplink refuses are counted and reported with a remedy, until the uplink takes them', async () => {
  const { lab, natgw } = gateway()
  await lab.internet.run('ethtool', '-K', 'eth0', 'gro', 'off')
  expect((await ping(10)).status).not.toBe(0)
  expect(await lost('up0')).toBeGreaterThanOrEqual(10)
  await expect
    .poll(() => readProblems(gateway()), { timeout: 5_000 })
    .toContainEqual(expect.objectContaining({ object: 'device up0', reason: 'PacketsLost', severity: 'error' }))
  expect(await natgw.show('drops')).toMatch(/^lost by the kernel after they were translated:\nDEVICE .*\nup0 /m)
  await lab.internet.run('ethtool', '-K', 'eth0', 'gro', 'on')
  const before = await lost('up0')
  expect((await ping(5)).status).toBe(0)
  expect(await lost('up0')).toBe(before)
})

test('packets that a private device refuses are counted, also while no agent runs', async () => {
  await gateway().stop()
  await machine().run('ethtool', '-K', 'eth0', 'gro', 'off')
  expect((await ping(10)).status).not.toBe(0)
  expect(await lost('p1')).toBeGreaterThanOrEqual(10)
  await machine().run('ethtool', '-K', 'eth0', 'gro', 'on')
  expect((await ping(3)).status).toBe(0)
  await gateway().start()
})
