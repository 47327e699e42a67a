import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Natgw } from '../../../scripts/lab/natgw.ts'
import { useGateway } from '../../support/gateway-lab.ts'
import { Client, DNS_ADDRESS, startEchoServer, startWebServer, WEB_ADDRESS } from '../../support/netns.ts'
import type { Edit } from '../../support/variant.ts'
import { Variant } from '../../support/variant.ts'

const FLOWS_EACH = 5_000
const FILE = randomBytes(60 << 20)
const SUM = createHash('sha256').update(FILE).digest('hex')

/** What the next release may well have: a counter, a drop reason and a map more, and a field in reserved room. */
const COMPATIBLE: Edit[] = [
  { header: 'types.h', from: '\tCOUNTERS,', to: '\tCOUNTER_LATER,\n\tCOUNTERS,' },
  { header: 'types.h', from: '\tDROP_REASONS,', to: '\tDROP_LATER,\n\tDROP_REASONS,' },
  { header: 'types.h', from: 'enum binding_kind */\n\t__u16 reserved;', to: 'enum binding_kind */\n\t__u16 later;' },
  {
    header: 'maps.h',
    from: '#endif',
    to: `struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} later SEC(".maps");

#endif`,
  },
]
const INCOMPATIBLE: Edit[] = [{ header: 'types.h', from: 'LAYOUT_SESSIONS = 1', to: 'LAYOUT_SESSIONS = 2' }]

const variants: Variant[] = []
const build = (edits: Edit[]): { natgw: Natgw; program: string } => {
  const variant = new Variant(edits)
  variants.push(variant)
  const { lab, files } = gateway()
  return { natgw: new Natgw(lab, files.config, variant.natgw), program: variant.natgw }
}
afterAll(() => {
  for (const variant of variants) variant.remove()
})

const gateway = useGateway({ portsPerNetworkInterface: 8192 }, async (gateway) => {
  const web = await startWebServer(gateway.lab)
  writeFileSync(join(web.root, 'file'), FILE)
  await startEchoServer(gateway.lab.internet, DNS_ADDRESS, 7)
  await gateway.serve()
})
const machines = () => [1, 2].map((number) => gateway().lab.machine(number).host)

describe('another version of natgw', () => {
  test(`with one more counter, drop reason and map keeps a download and ${2 * FLOWS_EACH} flows, and so does this version after it`, async () => {
    const sources = Array.from({ length: FLOWS_EACH }, (_, i) => 20_000 + i)
    const clients = machines().map((host) =>
      Client.open(host, { protocol: 'udp', address: DNS_ADDRESS, port: 7, sources, timeout: 20_000 }),
    )
    const ask = async (text: string) => (await Promise.all(clients.map((client) => client.ask(text)))).flat()
    try {
      const { natgw: other } = build(COMPATIBLE)
      const before = await ask('before')
      expect(before.filter(({ error }) => error !== undefined)).toEqual([])
      const outside = before.map(({ reply }) => reply?.split(' ')[0])
      // Read slowly until the file `go` is there, so that the connection carries data all the time.
      const go = join(gateway().lab.folder, 'go')
      const slowly = `while [ ! -e ${go} ]; do head -c 65536; sleep 0.05; done; cat`
      const download = machines()[0]!.run(
        'sh',
        '-c',
        `curl -sS --fail http://${WEB_ADDRESS}/file | { ${slowly}; } | sha256sum`,
      )

      await gateway().kill()
      const upgraded = await other.start()
      expect((await ask('upgraded')).map(({ reply }) => reply?.split(' ')[0])).toEqual(outside)
      expect(await other.drops()).toHaveProperty('later', 0)
      await upgraded.stop()
      await gateway().start()
      expect((await ask('rolled back')).map(({ reply }) => reply?.split(' ')[0])).toEqual(outside)
      writeFileSync(go, '')
      expect(await download).toContain(SUM)
      expect(gateway().complaints()).toEqual([])
    } finally {
      await Promise.all(clients.map((client) => client.close()))
    }
  })

  test('with another layout of sessions says how many flows it would end and does not start without --accept-flow-loss', async () => {
    const { natgw: other, program } = build(INCOMPATIBLE)
    const { lab, files } = gateway()
    await gateway().kill()
    const refused = await other.attempt('run', '--config', files.config)
    expect(refused.status).toBe(1)
    expect(refused.stderr).toMatch(
      /ERR_FLOWS_LIVE: .*map sessions: version 1 there, 2 here.* ends 1\d{4} flows\. .*--accept-flow-loss/,
    )
    expect((await gateway().natgw.sessions()).length).toBeGreaterThanOrEqual(2 * FLOWS_EACH)
    const arguments_ = [program, 'run', '--config', files.config, '--accept-flow-loss']
    const service = await lab.gateway.start('accepting', process.execPath, ...arguments_)
    await service.waitForLog(/"gateway is serving"/, 30_000)
    expect((await lab.machine(1).host.attempt('ping', ['-c', '3', '-W', '1', WEB_ADDRESS])).stdout).toMatch(
      /bytes from/,
    )
    await service.stop()
  })
})
