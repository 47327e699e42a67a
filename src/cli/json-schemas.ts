// What `-o json` prints, described to the field. The compiler holds the descriptions to the types; docs/cli.md is made from
// them, and tests hold real output to them.
import type { CheckView } from './check.ts'
import type { SliceRow } from './inspect.ts'
import type { SessionView } from './session-view.ts'
import type { DropsView } from './show.ts'
import type { StatusView } from './status-view.ts'

type Described<T> = { description: string } & ([T] extends [readonly (infer Member)[]]
  ? { type: 'array'; items: Described<Member> }
  : [T] extends [number]
    ? { type: 'integer' | 'number' }
    : [T] extends [string]
      ? { type: 'string'; enum?: readonly T[] }
      : [T] extends [boolean]
        ? { type: 'boolean' }
        : string extends keyof T
          ? { type: 'object'; values: Described<T[keyof T]> }
          : { type: 'object'; properties: { [K in keyof T]-?: Property<T, K> } })

type Property<T, K extends keyof T> =
  object extends Pick<T, K> ? Described<NonNullable<T[K]>> & { optional: true } : Described<T[K]>

/** Any of them, for whoever walks through one. */
export interface Schema {
  description: string
  type: 'array' | 'integer' | 'number' | 'string' | 'boolean' | 'object'
  optional?: boolean
  enum?: readonly string[]
  items?: Schema
  values?: Schema
  properties?: Readonly<Record<string, Schema>>
}

const text = (description: string) => ({ type: 'string' as const, description })
const integer = (description: string) => ({ type: 'integer' as const, description })
const optional = <T>(schema: T) => ({ ...schema, optional: true as const })
const object = <T>(description: string, properties: T) => ({ type: 'object' as const, description, properties })
const list = <T>(description: string, items: T) => ({ type: 'array' as const, description, items })

const traffic = (description: string) =>
  object(description, { packets: integer('packets'), bytes: integer('bytes of IP packets') })
const byProtocol = (description: string) =>
  object(description, { tcp: integer('of TCP'), udp: integer('of UDP'), icmp: integer('of ICMP echo') })

const sessions: Described<SessionView[]> = list(
  'a live session each',
  object('', {
    protocol: { type: 'string', enum: ['tcp', 'udp', 'icmp'], description: 'protocol' },
    networkInterface: text('`namespace/name` of the NetworkInterface; empty when unknown'),
    gateway: text('`namespace/name` of the NATGateway; empty when unknown'),
    vni: integer('VNI of the Network'),
    inside: text('`address:port` of the private machine; of ICMP the port is the echo identifier'),
    public: text('`address:port` as the far end sees it'),
    remote: text('`address:port` of the far end; of ICMP the address alone'),
    state: text('of TCP: `opening`, `established`, `closing` and the like; empty for the others'),
    ageSeconds: { type: 'number', description: 'since its first packet' },
    expiresInSeconds: { type: 'number', description: 'until it expires, if no packet comes' },
    out: traffic('from the private machine'),
    in: traffic('to the private machine'),
  }),
)

const slices: Described<SliceRow[]> = list(
  'a port slice each, by address and port',
  object('', {
    networkInterface: text('`namespace/name` of the NetworkInterface; empty when unknown'),
    gateway: text('`namespace/name` of the NATGateway; empty when unknown'),
    vni: integer('VNI of the Network'),
    insideAddress: text('address of the private machine'),
    publicAddress: text('address as the internet sees it'),
    firstPort: integer('first port of the slice'),
    lastPort: integer('last port of the slice'),
    reachable: { type: 'boolean', description: 'whether the next hop towards the machine is resolved' },
    used: byProtocol('ports in use'),
    peak: byProtocol('most ports that were ever in use at once'),
    refused: integer('new flows refused because the slice was full'),
    sessions: integer('sessions beyond the first of each mapping'),
    sessionsAllowed: integer(
      'how many of these it may have at the moment: `perInterface.sessions`, or what is left for all',
    ),
  }),
)

const drops: Described<DropsView> = object('what the programs counted since their maps were made', {
  translated: object('packets translated', { out: traffic('to the internet'), in: traffic('from the internet') }),
  dropped: list(
    'every reason, those with 0 included',
    object('', { reason: text('as in packet-flow.md, without `DROP_`, in lower case'), packets: integer('packets') }),
  ),
  lost: list(
    'packets that were translated and sent on, and that the kernel lost after that',
    object('', {
      device: text('that was to send them'),
      ifindex: integer('number that the kernel gave it'),
      error: text('name of the errno, or `QUEUE_FULL`'),
      packets: integer('packets'),
    }),
  ),
  counters: {
    type: 'object',
    description: 'every counter of the programs by its name',
    values: integer('packets, bytes or events'),
  },
})

const status: Described<StatusView> = object('one instance', {
  instance: text('name of the instance'),
  agent: object('the process of `natgw run`', {
    running: { type: 'boolean', description: 'whether it runs' },
    pid: optional(integer('its process id')),
  }),
  knownSecondsAgo: optional(integer('how long ago an agent last said what it knows')),
  devices: list(
    'devices with a program',
    object('', {
      device: text('name'),
      ifindex: integer('number that the kernel gave it'),
      role: { type: 'string', enum: ['uplink', 'private'], description: 'towards the internet, or towards machines' },
      mode: { type: 'string', enum: ['native', 'generic'], description: 'mode of XDP' },
      attached: { type: 'boolean', description: 'false when the device is gone or the program was taken off' },
    }),
  ),
  addresses: list(
    'public addresses with slices',
    object('', {
      address: text('address'),
      shared: { type: 'boolean', description: 'whether the host uses it too' },
      firstPort: integer('first port that NAT uses'),
      lastPort: integer('last port that NAT uses'),
      answeredBy: {
        type: 'string',
        enum: ['natgw', 'host', 'nobody'],
        description: 'who answers ARP for it on the uplink',
      },
    }),
  ),
  gateways: list(
    'NATGateways',
    object('', {
      name: text('`namespace/name`'),
      network: text('name of its Network'),
      ips: list('its public addresses', object('', { name: text('name'), ip: text('address') })),
      portsPerNetworkInterface: integer('ports of each slice'),
      slices: object('slices on its addresses', {
        total: integer('all'),
        used: integer('given out'),
        free: integer('not given out'),
        waiting: integer('interfaces that wait for one'),
      }),
      ports: object('ports of the slices that are given out; of the busiest protocol', {
        used: integer('in use'),
        free: integer('not in use'),
      }),
      ready: object('its condition `Ready`', {
        status: text('`True`, `False` or `Unknown`'),
        reason: text('one word'),
        message: text('a sentence'),
      }),
    }),
  ),
  problems: list(
    'everything that keeps a packet or an object from working',
    object('', {
      object: text('what has the problem'),
      severity: { type: 'string', enum: ['error', 'warning'], description: '`error`: something does not work' },
      reason: text('one word, see problems.md'),
      message: text('what is wrong'),
      detail: optional(text('figures and examples, which may change while the problem lasts')),
      remedy: optional(text('what to do; absent where the message says it')),
      condition: optional(text('the condition that says so')),
      stopsEverything: optional({ type: 'boolean', description: 'nobody gets out while it lasts' }),
      sinceSeconds: optional(integer('how long it has lasted')),
    }),
  ),
  omittedProblems: integer('problems that found no room in the list'),
})

const check: Described<CheckView> = object('a configuration file and its manifests', {
  config: text('path of gateway.yaml'),
  manifests: optional(text('path of the folder of manifests; absent where gateway.yaml is not valid')),
  valid: { type: 'boolean', description: 'whether no problem is an `error`' },
  objects: integer('objects that the manifests describe and that are valid'),
  problems: list(
    'everything that is wrong in these files',
    object('', {
      object: text('what has the problem: a file and a line'),
      severity: { type: 'string', enum: ['error', 'warning'], description: '`error`: something would not work' },
      reason: text('an error code, or a word of problems.md'),
      message: text('what is wrong'),
      remedy: text('what to do'),
    }),
  ),
})

export const JSON_SCHEMAS: Readonly<Record<'check' | 'status' | 'slices' | 'sessions' | 'drops', Schema>> = {
  check,
  status,
  slices,
  sessions,
  drops,
}
