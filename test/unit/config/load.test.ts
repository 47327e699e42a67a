import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadConfig, parseConfig } from '../../../src/config/load.ts'
import { MOST_SHARED_MACS } from '../../../src/config/schema.ts'
import { DeviceConstants } from '../../../src/dataplane/generated/layouts.ts'
import { NatGwError } from '../../../src/errors/errors.ts'

const FILE = '/etc/natgw/gateway.yaml'

const MINIMAL = `
uplink: {interface: eth0}
private:
  - {interface: eth1, network: network-sample}
publicPrefixes: [198.51.100.0/29]
manifests: ./manifests
`

/** The lines of the error's text after its heading, without the path. */
function problemsOf(text: string): string[] {
  try {
    parseConfig(text, FILE)
  } catch (error) {
    if (error instanceof NatGwError && error.code === 'ERR_CONFIG_INVALID') {
      return error.message
        .split('\n')
        .slice(1)
        .map((line) => line.replace(`  ${FILE}:`, ''))
    }
    throw error
  }
  return []
}

/** MINIMAL with one top-level field replaced or added. */
function withField(name: string, yaml: string): string {
  const lines = MINIMAL.split('\n').filter((line) => !line.startsWith(`${name}:`))
  return `${lines.filter((line) => name !== 'private' || !line.startsWith('  -')).join('\n')}${name}: ${yaml}\n`
}

describe('a minimal configuration', () => {
  it('is filled up with the defaults', () => {
    expect(parseConfig(MINIMAL, FILE)).toEqual({
      config: {
        instance: 'default',
        uplink: { interface: 'eth0', macs: [] },
        private: [
          { interface: 'eth1', network: { namespace: 'default', name: 'network-sample' }, prefixes: [], macs: [] },
        ],
        publicPrefixes: [{ prefix: '198.51.100.0/29', ports: { first: 1024, last: 65535 }, shared: false }],
        manifests: '/etc/natgw/manifests',
        stateFile: '/var/lib/natgw/default/state',
        timers: { udp: 300, tcpEstablished: 7440, tcpTransitory: 240, icmp: 60 },
        udpRefresh: 'both',
        perInterface: { sessions: 65536, newFlowsPerSecond: 20000 },
        xdpMode: 'auto',
        driftIntervalSeconds: 30,
        manifestLimits: { fileBytes: 16777216, files: 200000 },
        limits: { maxSlices: 65536, maxInterfaces: 131072, maxSessions: 262144, maxDevices: 16384 },
        log: { level: 'info' },
      },
      warnings: [],
    })
  })

  it('keeps the state of each instance apart', () => {
    expect(parseConfig(withField('instance', 'blue'), FILE).config.stateFile).toBe('/var/lib/natgw/blue/state')
  })
})

describe('every field', () => {
  it('can be given', () => {
    const { config } = parseConfig(
      `
instance: lab-1
uplink: {interface: up0, macs: [00:00:5e:00:01:07]}
private:
  - {interface: p1, network: blue/net.a, prefixes: [10.0.0.0/24, 10.0.1.7/32], macs: [00:00:5e:00:01:08]}
  - {interface: p2, network: green/net.a, prefixes: [10.0.0.0/24]}
publicPrefixes:
  - 198.51.100.0/30
  - {prefix: 203.0.113.9/32, ports: 40000-49999, shared: true}
manifests: /srv/manifests
stateFile: ../state
timers: {udp: 120, tcpEstablished: 7440, tcpTransitory: 240, icmp: 60}
xdpMode: generic
driftIntervalSeconds: 5
limits: {maxSlices: 10, maxInterfaces: 20, maxSessions: 4096, maxDevices: 64}
manifestLimits: {fileBytes: 1024, files: 1}
udpRefresh: outbound
perInterface: {newFlowsPerSecond: 0}
log: {level: debug}
`,
      FILE,
    )
    expect(config.private[0]).toEqual({
      interface: 'p1',
      network: { namespace: 'blue', name: 'net.a' },
      prefixes: ['10.0.0.0/24', '10.0.1.7/32'],
      macs: ['00:00:5e:00:01:08'],
    })
    expect(config.uplink.macs).toEqual(['00:00:5e:00:01:07'])
    expect(config.publicPrefixes[1]).toEqual({
      prefix: '203.0.113.9/32',
      ports: { first: 40000, last: 49999 },
      shared: true,
    })
    expect(config.stateFile).toBe('/etc/state')
    expect(config).toMatchObject({ instance: 'lab-1', xdpMode: 'generic', driftIntervalSeconds: 5 })
    expect(config.limits).toEqual({ maxSlices: 10, maxInterfaces: 20, maxSessions: 4096, maxDevices: 64 })
    expect(config.manifestLimits).toEqual({ fileBytes: 1024, files: 1 })
    expect(config.udpRefresh).toBe('outbound')
    expect(config.perInterface).toEqual({ sessions: 1024, newFlowsPerSecond: 0 })
    expect(config.log.level).toBe('debug')
  })
})

it('a device has room for the MACs that it may share', () => {
  expect(MOST_SHARED_MACS).toBe(DeviceConstants.DEVICE_MACS - 1)
})

describe('a wrong field is named with its line, its value and what would be right', () => {
  const cases: [string, string, string, string][] = [
    ['an unknown field near a known one', 'uplnk', 'x', '7: uplnk: is not a known field; did you mean uplink?'],
    ['a far-off unknown field', 'log', '{colour: true}', '7: log.colour: is not a known field; known are level'],
    [
      'a section that is a text',
      'timers',
      'long',
      '7: timers: "long" is not a map of fields; its fields are udp, tcpEstablished, tcpTransitory, icmp',
    ],
    [
      'a section without content',
      'uplink',
      '',
      '6: uplink: null is not a map of fields; its fields are interface, macs',
    ],
    [
      'a MAC that is none',
      'uplink',
      '{interface: a, macs: [1]}',
      '6: uplink.macs[0]: 1 is not text; give an Ethernet address of one station, like 00:00:5e:00:01:07',
    ],
    [
      'a MAC of a group',
      'uplink',
      '{interface: a, macs: [01:00:5e:00:00:01]}',
      '6: uplink.macs[0]: "01:00:5e:00:00:01" is not valid; give the Ethernet address of one station, like 00:00:5e:00:01:07',
    ],
    [
      'no MAC at all',
      'uplink',
      '{interface: a, macs: [00:00:00:00:00:00]}',
      '6: uplink.macs[0]: "00:00:00:00:00:00" is not valid; give the Ethernet address of one station, like 00:00:5e:00:01:07',
    ],
    [
      'too many MACs',
      'uplink',
      `{interface: a, macs: [${[1, 2, 3, 4].map((n) => `02:00:00:00:00:0${n}`).join(', ')}]}`,
      '6: uplink.macs: has 4 elements; give at most 3',
    ],
    [
      'a device name too long',
      'uplink',
      '{interface: abcdefghijklmnop}',
      '6: uplink.interface: "abcdefghijklmnop" is not valid; give the name of a network device (up to 15 characters)',
    ],
    [
      'a device name with a slash',
      'uplink',
      '{interface: a/b}',
      '6: uplink.interface: "a/b" is not valid; give the name of a network device (up to 15 characters)',
    ],
    [
      'a missing device name',
      'uplink',
      '{}',
      '6: uplink.interface: is missing; give the name of a network device (up to 15 characters)',
    ],
    [
      'an empty list of devices',
      'private',
      '[]',
      '5: private: is empty; give private devices, like - {interface: eth1, network: network-sample}',
    ],
    [
      'devices that are no list',
      'private',
      '{}',
      '5: private: {} is not a list; put each element on a line of its own that begins with "- "',
    ],
    [
      'no Network',
      'private',
      '[{interface: a}]',
      '5: private[0].network: is missing; give a Network as "name" (namespace default) or "namespace/name"',
    ],
    [
      'a Network of three parts',
      'private',
      '[{interface: a, network: a/b/c}]',
      '5: private[0].network: "a/b/c" is not the name of a Network; give "name" (namespace default) or "namespace/name"',
    ],
    [
      'a namespace in capitals',
      'private',
      '[{interface: a, network: A/b}]',
      '5: private[0].network: "A/b" is not the name of a Network; give "name" (namespace default) or "namespace/name": use lower-case letters, digits and "-", begin and end with a letter or digit, no dots',
    ],
    [
      'a private device that is the uplink',
      'private',
      '[{interface: eth0, network: net}]',
      '5: private[0].interface: "eth0" is the uplink too; a device is one or the other',
    ],
    [
      'a private device listed twice',
      'private',
      '[{interface: a, network: net}, {interface: a, network: m}]',
      '5: private[1].interface: "a" is listed before; a device belongs to one Network: list it once',
    ],
    [
      'host bits in a prefix',
      'publicPrefixes',
      '[198.51.100.1/29]',
      '6: publicPrefixes[0]: "198.51.100.1/29" is not an IPv4 prefix; bits beyond the prefix length are set; the network is 198.51.100.0/29',
    ],
    [
      'an address without length',
      'publicPrefixes',
      '[192.0.2.1]',
      '6: publicPrefixes[0]: "192.0.2.1" is not an IPv4 prefix; a prefix length is missing; 192.0.2.1/32 is one address',
    ],
    [
      'a leading zero',
      'publicPrefixes',
      '[010.0.0.0/24]',
      '6: publicPrefixes[0]: "010.0.0.0/24" is not an IPv4 prefix; numbers have no leading zeros; 10.0.0.0 if decimal is meant',
    ],
    [
      'multicast',
      'publicPrefixes',
      '[224.0.0.0/24]',
      '6: publicPrefixes[0]: "224.0.0.0/24" has multicast addresses; give addresses that machines can have',
    ],
    [
      'a prefix that is too big',
      'publicPrefixes',
      '[20.0.0.0/8]',
      '6: publicPrefixes[0]: "20.0.0.0/8" has more than 65536 addresses; give a prefix of /16 … /32',
    ],
    [
      'public prefixes that overlap',
      'publicPrefixes',
      '[198.51.100.0/24, {prefix: 198.51.100.7/32}]',
      '6: publicPrefixes[1]: "198.51.100.7/32" overlaps the public prefix 198.51.100.0/24, given before; give each address once',
    ],
    [
      'a public prefix inside of the private side',
      'private',
      '[{interface: a, network: net, prefixes: [198.51.0.0/16]}]',
      '3: publicPrefixes[0]: "198.51.100.0/29" overlaps the private prefix 198.51.0.0/16; give public addresses only',
    ],
    [
      'prefixes of one Network that overlap',
      'private',
      '[{interface: a, network: net, prefixes: [10.0.0.0/8]}, {interface: b, network: net, prefixes: [10.1.0.0/16]}]',
      '5: private[1].prefixes[0]: "10.1.0.0/16" overlaps 10.0.0.0/8, given before for the same Network; give each address of a Network to one device',
    ],
    [
      'ports below 1024',
      'publicPrefixes',
      '[{prefix: 192.0.2.1/32, ports: 80-2000}]',
      '6: publicPrefixes[0].ports: "80-2000" is not a range of ports that NAT may use; give a range like 40000-49999 within 1024-65535',
    ],
    [
      'ports above 65535',
      'publicPrefixes',
      '[{prefix: 192.0.2.1/32, ports: 2000-65536}]',
      '6: publicPrefixes[0].ports: "2000-65536" is not a range of ports that NAT may use; give a range like 40000-49999 within 1024-65535',
    ],
    [
      'a single port',
      'publicPrefixes',
      '[{prefix: 192.0.2.1/32, ports: 2000}]',
      '6: publicPrefixes[0].ports: 2000 is not text; give a range like 40000-49999 within 1024-65535',
    ],
    [
      'ports backwards',
      'publicPrefixes',
      '[{prefix: 192.0.2.1/32, ports: 3000-2000}]',
      '6: publicPrefixes[0].ports: "3000-2000" has its first port above the last; give a range like 40000-49999 within 1024-65535',
    ],
    [
      'shared that is a text',
      'publicPrefixes',
      '[{prefix: 192.0.2.1/32, shared: "no"}]',
      '6: publicPrefixes[0].shared: "no" is not a boolean; write true or false',
    ],
    [
      'a timer as text',
      'timers',
      '{udp: 5m}',
      '7: timers.udp: "5m" is text, not a whole number of 1 … 604800 seconds; 300 is the default',
    ],
    [
      'a bound of less than nothing',
      'perInterface',
      '{sessions: -1}',
      '7: perInterface.sessions: -1 is not a whole number of 0 … 16777216; a quarter of limits.maxSessions is the default',
    ],
    [
      'another direction of refresh',
      'udpRefresh',
      'inbound',
      '7: udpRefresh: "inbound" is not a supported value; write both or outbound',
    ],
    [
      'a timer of 0',
      'timers',
      '{icmp: 0}',
      '7: timers.icmp: 0 is not a whole number of 1 … 604800 seconds; 60 is the default',
    ],
    [
      'a half',
      'driftIntervalSeconds',
      '1.5',
      '7: driftIntervalSeconds: 1.5 is not a whole number of 1 … 86400 seconds; 30 is the default',
    ],
    [
      'an unknown mode',
      'xdpMode',
      'fast',
      '7: xdpMode: "fast" is not a supported value; write auto or native or generic',
    ],
    [
      'an instance that is a path',
      'instance',
      '../x',
      '7: instance: "../x" is not valid; give a name of up to 32 lower-case letters, digits and dashes',
    ],
    [
      'an octal number',
      'limits',
      '{maxSlices: 0100}',
      '7: limits.maxSlices: 0100 is 64 to YAML 1.1, as kubectl reads, and 100 to YAML 1.2; write "0100" or 64',
    ],
    [
      'a number with _',
      'limits',
      '{maxSlices: 1_000}',
      '7: limits.maxSlices: 1_000 is 1000 to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "1_000" or 1000',
    ],
    [
      'yes',
      'publicPrefixes',
      '[{prefix: 192.0.2.1/32, shared: yes}]',
      '6: publicPrefixes[0].shared: yes is true to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "yes"',
    ],
    [
      'a limit below its range',
      'limits',
      '{maxSlices: 0}',
      '7: limits.maxSlices: 0 is not a whole number of 1 … 4194304; 65536 is the default',
    ],
  ]
  it.each(cases)('%s', (_, name, yaml, expected) => {
    expect(problemsOf(withField(name, yaml))).toEqual([expected])
  })
})

describe('a broken file', () => {
  it('in another encoding is refused with its name', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'natgw-config-')), 'gateway.yaml')
    await writeFile(file, Buffer.from(MINIMAL, 'utf16le'))
    const message = expect.stringMatching(
      /gateway\.yaml is UTF-16 \(little-endian\) text.*; save the file as UTF-8/,
    ) as string
    await expect(loadConfig(file)).rejects.toMatchObject({ code: 'ERR_CONFIG_READ', message })
    await rm(dirname(file), { recursive: true })
  })

  it('gives every problem at once, in the order of the lines', () => {
    const problems = problemsOf(`
uplink: {interface: ""}
private:
  - interface: eth1
    network: default/Sample
    prefixs: []
publicPrefixes: [198.51.100.0/33]
timers:
  udp: -1
`)
    expect(problems.map((line) => line.split(':').slice(0, 2).join(':'))).toEqual([
      '1: manifests',
      '2: uplink.interface',
      '5: private[0].network',
      '6: private[0].prefixs',
      '7: publicPrefixes[0]',
      '9: timers.udp',
    ])
  })

  it('that is not YAML is reported with the line', () => {
    expect(problemsOf('uplink: {interface: eth0\nprivate: x\n')[0]).toMatch(/^[12]: /)
  })

  it('with a key given twice is refused', () => {
    expect(problemsOf(`${MINIMAL}uplink: {interface: eth2}\n`)[0]).toMatch(/^7: .*unique/)
  })

  it('that is empty says what belongs into it', () => {
    expect(problemsOf('')[0]).toMatch(/^1: null is not a map of fields; its fields are instance, uplink, private/)
  })

  it('carries its problems as data', () => {
    const details = (): unknown => {
      try {
        return parseConfig(withField('xdpMode', 'fast'), FILE)
      } catch (error) {
        return (error as NatGwError).details
      }
    }
    expect(details()).toMatchObject({ file: FILE, problems: [{ line: 7, field: 'xdpMode', value: 'fast' }] })
  })
})

describe('timers below the minimum of their RFC', () => {
  it('are taken, with a warning that names the rule', () => {
    const { config, warnings } = parseConfig(withField('timers', '{udp: 5, tcpEstablished: 10}'), FILE)
    expect(config.timers).toMatchObject({ udp: 5, tcpEstablished: 10 })
    expect(warnings).toEqual([
      'timers.udp: 5 s is less than the 120 s of RFC 4787 REQ-5: idle connections break early',
      'timers.tcpEstablished: 10 s is less than the 7440 s of RFC 5382 REQ-5: idle connections break early',
    ])
  })
})

describe('the file', () => {
  it('is read, and relative paths start at its folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'natgw-config-'))
    try {
      await writeFile(join(folder, 'gateway.yaml'), MINIMAL)
      const { config } = await loadConfig(join(folder, 'gateway.yaml'))
      expect(config.manifests).toBe(join(folder, 'manifests'))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('that is missing is named, with what to do', async () => {
    await expect(loadConfig('/nowhere/gateway.yaml')).rejects.toMatchObject({
      code: 'ERR_CONFIG_READ',
      message: expect.stringMatching(/^\/nowhere\/gateway\.yaml cannot be read: ENOENT.*--config/) as string,
    })
  })
})
