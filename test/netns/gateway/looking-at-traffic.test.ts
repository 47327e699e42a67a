import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { NATGW } from '../../../scripts/lab/natgw.ts'
import { useGateway } from '../../support/gateway-lab.ts'
import { Capture, WEB_ADDRESS } from '../../support/netns.ts'

const PINGS = 3
const PAGES = ['looking-at-traffic.md', 'troubleshooting.md', 'debugging.md']
const pages = PAGES.map((page) => readFileSync(new URL(`../../../docs/${page}`, import.meta.url), 'utf8')).join('')
const COMMANDS = [...pages.matchAll(/^# (.*?)(?: {2,}#.*)?$/gm)]
  .map(([, command = '']) => command)
  .filter((line) => /^(natgw|ip|ethtool|bpftool|tcpdump|ls|sysctl) /.test(line))

describe.each(['native', 'generic'])('traffic of a gateway in %s mode', (xdpMode) => {
  const gateway = useGateway({ config: { xdpMode } })
  const ping = () => gateway().lab.machine(1).host.run('ping', '-c', String(PINGS), '-i', '0.2', '-W', '2', WEB_ADDRESS)

  test('is seen at both ends, and by no capture on the gateway', async () => {
    const { lab } = gateway()
    const places = [
      [lab.machine(1).host, 'eth0'],
      [lab.internet, 'eth0'],
      [lab.gateway, 'p1'],
      [lab.gateway, 'up0'],
    ] as const
    const captures = await Promise.all(places.map(([host, device]) => Capture.start(lab, host, device, 'icmp')))
    await ping()
    await Promise.all(captures.map((capture) => capture.stop()))
    const seen = await Promise.all(captures.map(async (capture) => (await capture.packets()).length))
    expect(seen).toEqual([2 * PINGS, 2 * PINGS, 0, 0])
  })

  test('can be inspected by the commands of docs/looking-at-traffic.md, troubleshooting.md and debugging.md', async () => {
    const { lab, files } = gateway()
    await ping()
    expect(COMMANDS.length).toBeGreaterThan(22)
    for (const command of COMMANDS) {
      const here = command
        .replaceAll('eth0', 'up0')
        .replaceAll('eth1', 'p1')
        .replaceAll('/natgw/default', `/natgw/${lab.instance}`)
        .replace(/^natgw (\w+)/, `${process.execPath} ${NATGW} $1 --config ${files.config}`)
        .replace(/^tcpdump -n -c 5/, 'timeout 1 tcpdump -n -c 5 -Z root')
      const { status, stderr } = await lab.gateway.attempt('sh', ['-c', here])
      // A capture of so few ARP packets ends by its time.
      const expected = command.startsWith('tcpdump') ? [0, 124] : [0]
      expect(expected, `${command}: ${stderr}`).toContain(status)
    }
  })
})
