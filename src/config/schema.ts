// gateway.yaml: every key, its type, default and bounds, and what it means. Validation, the tables of docs/configuration.md
// and docs/reference/gateway.schema.json are made from here.
import * as z from 'zod/mini'
import { FIRST_NAT_PORT, LAST_NAT_PORT } from '../api/index.ts'
import { DEVICE_NAME, INSTANCE_NAME } from '../net/names.ts'
import { derivedNumber, described, list, patternText, text, titled, wholeNumber } from '../schema/fields.ts'
import { devicesDiffer, prefixesDiffer } from './cross-checks.ts'
import { macProblem, networkProblem, portsProblem, prefixProblem, publicPrefixProblem } from './texts.ts'
import { readNetwork, readPorts } from './texts.ts'

/** Addresses a device may share; the data plane has room for these and its own (DEVICE_MACS). */
export const MOST_SHARED_MACS = 3

/** Times in the data plane are 32 bits of jiffies: 7 days are well below half of their range at 1000 Hz. */
const LONGEST_TIMER = 604_800

const deviceName = patternText(DEVICE_NAME.what, DEVICE_NAME.pattern)
const macs = z.prefault(
  list(
    text('an Ethernet address of one station, like 00:00:5e:00:01:07', macProblem),
    `up to ${MOST_SHARED_MACS} Ethernet addresses`,
  ).check(z.maxLength(MOST_SHARED_MACS)),
  [],
)
const insidePrefix = text('an IPv4 prefix like 10.0.0.0/24', prefixProblem)
const publicPrefix = text('an IPv4 prefix like 198.51.100.0/29, of /16 … /32', publicPrefixProblem)
const network = z.pipe(
  text('a Network as "name" (namespace default) or "namespace/name"', networkProblem),
  z.transform(readNetwork),
)
const ALL_PORTS = `${FIRST_NAT_PORT}-${LAST_NAT_PORT}`
const ports = z.pipe(text(`a range like 40000-49999 within ${ALL_PORTS}`, portsProblem), z.transform(readPorts))
const paths = { manifests: 'the path of the folder of manifests', stateFile: 'the path of the state file' }
const path = (title: string) => titled(z.string().check(z.minLength(1)), title)
const section = <S extends z.core.$ZodLooseShape>(shape: S) => z.strictObject(shape)
const seconds = (fallback: number, description: string) =>
  described(wholeNumber({ min: 1, max: LONGEST_TIMER, unit: 'seconds' }, fallback), description)
const count = (fallback: number, min: number, max: number, description: string) =>
  described(wholeNumber({ min, max }, fallback), description)

const privateDevice = section({
  interface: described(deviceName, 'the device towards private machines'),
  network: described(network, 'the Network that the device belongs to'),
  prefixes: described(
    z.prefault(list(insidePrefix, 'prefixes like 10.0.0.0/24'), []),
    "inside prefixes found on this device; needed only where several devices share a Network and the kernel's routes do not tell which device an address is on",
  ),
  macs: described(macs, 'as `uplink.macs`, of this device'),
})

const publicPrefixEntry = described(
  titled(
    z.union([
      z.pipe(
        publicPrefix,
        z.transform((prefix) => ({ prefix, ports: readPorts(ALL_PORTS), shared: false })),
      ),
      section({
        prefix: described(publicPrefix, 'the prefix; one address is a /32'),
        ports: described(z.prefault(ports, ALL_PORTS), 'ports that NAT may use of each address, both inclusive'),
        shared: described(
          z._default(z.boolean(), false),
          'the host uses the address itself too: packets to ports outside `ports` go to the host',
        ),
      }),
    ]),
    'a prefix as text, or {prefix, ports, shared}',
  ),
  'public addresses that NAT may use',
)

export const gatewaySchema = section({
  instance: described(
    z._default(patternText(INSTANCE_NAME.what, INSTANCE_NAME.pattern), 'default'),
    'names pins (`/sys/fs/bpf/natgw/<instance>`), lock and state; several gateways on a host need one each',
  ),
  uplink: described(
    section({
      interface: described(deviceName, 'the device towards the internet'),
      macs: described(
        macs,
        "addresses that the device shares with other hosts, as VRRP does: frames to these are translated too (a look-up more each). Frames to any address but these and the device's own are not",
      ),
    }),
    'towards the internet',
  ),
  private: described(
    list(privateDevice, 'private devices, like - {interface: eth1, network: network-sample}').check(z.minLength(1)),
    'devices towards private machines',
  ),
  publicPrefixes: described(
    list(publicPrefixEntry, 'prefixes like 198.51.100.0/29').check(z.minLength(1)),
    'public addresses that NAT may use',
  ),
  manifests: described(
    path(paths.manifests),
    'folder of `*.yaml`, `*.yml`, `*.json`; see [below](#the-folder-of-manifests)',
  ),
  manifestLimits: described(
    z.prefault(
      section({
        fileBytes: described(
          wholeNumber({ min: 1_024, max: 268_435_456, unit: 'bytes' }, 16_777_216),
          'a larger file is not read',
        ),
        files: count(200_000, 1, 1_000_000, 'files beyond are not read, in the order of their names'),
      }),
      {},
    ),
    'bounds of the folder of manifests',
  ),
  stateFile: described(
    z.exactOptional(path(paths.stateFile)),
    'allocations and status; one gateway each, locked while it runs',
    { 'x-default': '/var/lib/natgw/<instance>/state' },
  ),
  timers: described(
    z.prefault(
      section({
        udp: seconds(300, 'idle time of a UDP mapping (RFC 4787 REQ-5)'),
        tcpEstablished: seconds(7440, 'idle time of an established TCP session (RFC 5382 REQ-5)'),
        tcpTransitory: seconds(240, 'time of a TCP session that opens, closes or was reset (RFC 5382 REQ-5)'),
        icmp: seconds(60, 'idle time of an ICMP echo session (RFC 5508 REQ-2)'),
      }),
      {},
    ),
    'how long sessions live without packets',
  ),
  udpRefresh: described(
    z._default(z.enum(['both', 'outbound']), 'both'),
    'which packets prolong a UDP session (RFC 4787 REQ-6): `both` directions, or only `outbound` ones. With `outbound` nobody outside can hold a port, but a stream that a machine only receives breaks after `timers.udp`',
  ),
  perInterface: described(
    z.prefault(
      section({
        sessions: described(
          // Half of the sessions that are given out.
          derivedNumber({ min: 0, max: 16_777_216 }, 'a quarter of limits.maxSessions'),
          'sessions *beyond the first* of each mapping that one interface may have (RFC 6888 REQ-5), and never more than are left for all others',
        ),
        // A slice has 64,512 ports at most and mappings of UDP live for minutes: no interface opens so many for long.
        newFlowsPerSecond: count(
          20_000,
          0,
          4_000_000,
          'new flows one interface may open a second, and at once after a pause (RFC 6888 REQ-4); 0: any number',
        ),
      }),
      {},
    ),
    'what one interface may take of what all share',
  ),
  xdpMode: described(
    z._default(z.enum(['auto', 'native', 'generic']), 'auto'),
    'how programs are attached (see [Modes](#modes)): `native`, `generic`, or `auto`: native where its driver can and all devices that it sends to take frames from native XDP (a bridge, a VLAN, or a veth whose far end has neither GRO nor XDP does not; Linux 6.3 and newer tell of the latter)',
  ),
  driftIntervalSeconds: described(
    wholeNumber({ min: 1, max: 86_400, unit: 'seconds' }, 30),
    'time between comparisons of maps and attached programs with what they should be',
  ),
  limits: described(
    z.prefault(
      section({
        maxSlices: count(65_536, 1, 4_194_304, 'slices on this host, free ones of a used address included'),
        maxInterfaces: count(131_072, 1, 4_194_304, 'NetworkInterfaces on this host'),
        maxSessions: count(
          262_144,
          1_024,
          16_777_216,
          'sessions *beyond the first* of each mapping, of all interfaces; half of them are given out, so size it at twice the expected number',
        ),
        maxDevices: count(16_384, 64, 1_048_576, 'private devices; their ifindex may be any'),
      }),
      {},
    ),
    'sizes of maps, which take memory when they are made; another one takes effect after `natgw unload`',
  ),
  log: described(
    z.prefault(
      section({
        level: described(
          z._default(z.enum(['trace', 'debug', 'info', 'warn', 'error']), 'info'),
          'the least severe messages that are logged',
        ),
      }),
      {},
    ),
    'what is logged',
  ),
}).check(devicesDiffer, prefixesDiffer)

export type ParsedConfig = z.infer<typeof gatewaySchema>
