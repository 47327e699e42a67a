import { describe, expect, test } from 'vitest'
import { readProblems, useGateway } from '../../support/gateway-lab.ts'
import { INTERNET_ROUTER, waitUntil, WEB_ADDRESS } from '../../support/netns.ts'

const gateway = useGateway()
const config = () => gateway().files.config
const problems = async (): Promise<string[]> =>
  (await readProblems(gateway())).map(({ object, reason }) => `${object} ${reason}`)
const pings = async (machine: number) =>
  (await gateway().lab.machine(machine).host.attempt('ping', ['-c', '1', '-W', '1', WEB_ADDRESS])).status === 0

describe('natgw run starts with the devices that exist', () => {
  test('while a private device does not exist: the others are served, and status names it', async () => {
    const { lab, natgw } = gateway()
    await gateway().stop()
    await lab.gateway.ip('link set p2 name away')
    // A device that is away for this process, and comes back while it runs.
    await natgw.attempt('detach', 'away', '--instance', lab.instance)
    await gateway().start()
    await expect.poll(problems, { timeout: 10_000 }).toContain('device p2 DeviceMissing')
    expect(await pings(1)).toBe(true)
    await lab.gateway.ip('link set away name p2')
    await waitUntil('m2 being served', 10_000, () => pings(2))
    await expect.poll(problems, { timeout: 10_000 }).toEqual([])
  })

  test('while the uplink has no carrier: everybody is served once it has', async () => {
    const { lab } = gateway()
    await gateway().stop()
    await lab.internet.ip('link set eth0 down')
    await gateway().start()
    await expect.poll(problems, { timeout: 10_000 }).toContain('device up0 NoCarrier')
    await lab.internet.ip('link set eth0 up')
    await lab.internet.ip('route replace 198.51.100.0/24 dev eth0')
    await waitUntil('m1 being served', 10_000, () => pings(1))
    await expect.poll(problems, { timeout: 10_000 }).toEqual([])
  })

  test('while the uplink does not exist: it is attached when it comes', async () => {
    const { lab } = gateway()
    await gateway().stop()
    await lab.gateway.ip('link set up0 name away')
    await gateway().start()
    await expect.poll(problems, { timeout: 10_000 }).toContain('device up0 DeviceMissing')
    await lab.gateway.ip('link set away name up0')
    await waitUntil('m1 being served', 10_000, () => pings(1))
    expect((await lab.gateway.attempt('ping', ['-c', '1', '-W', '1', INTERNET_ROUTER])).status).toBe(0)
  })
})

describe('natgw detach', () => {
  test('refuses a device that gateway.yaml names, one without a program and one that does not exist', async () => {
    const { natgw, lab } = gateway()
    await lab.gateway.ip('link add spare0 type veth peer name spare1')
    for (const [device, code] of [
      ['p1', 'ERR_USAGE'],
      ['spare0', 'ERR_NOT_LOADED'],
      ['eth9', 'ERR_NO_DEVICE'],
    ] as const) {
      const { status, stderr } = await natgw.attempt('detach', device, '--config', config())
      expect(stderr).toMatch(new RegExp(`^natgw: ${code}: `))
      expect(status).not.toBe(0)
    }
    expect(await pings(1)).toBe(true)
  })
})
