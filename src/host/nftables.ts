import { NetlinkSocket } from '../native/load-native.ts'
import { addressOfBytes } from '../net/address.ts'
import { inSlices } from './in-slices.ts'
import {
  attributeList,
  attributesOf,
  messagesOf,
  NLM_F_ACK,
  NLM_F_DUMP,
  readBe16,
  readBe32,
  readText,
  readU32,
  request,
} from './message.ts'
import type { Link, SourceNatRule } from './network-objects.ts'

// Rules of nf_tables, as <linux/netfilter/nf_tables.h> has them: a rule is a list of expressions that hand values on in
// registers. Numbers are in network order, except in registers and in what is left of iptables (xt targets).

const NETLINK_NETFILTER = 12
const SUBSYSTEM_NFTABLES = 10 << 8
const NFT_MSG_NEWRULE = SUBSYSTEM_NFTABLES | 6
const NFT_MSG_GETRULE = SUBSYSTEM_NFTABLES | 7
const NFT_MSG_GETGEN = SUBSYSTEM_NFTABLES | 16
const GENERATION_ID = 1
/** struct nfgenmsg: family, version, resource. */
const NFGENMSG_BYTES = 4
const FAMILIES: Readonly<Record<number, string>> = { 1: 'inet', 2: 'ip' }

const RULE = { table: 1, chain: 2, handle: 3, expressions: 4 } as const
const EXPRESSION = { name: 1, data: 2 } as const
const IMMEDIATE = { register: 1, data: 2 } as const
const META = { register: 1, key: 2 } as const
const CMP = { register: 1, operation: 2, data: 3 } as const
const MASQUERADE = { portMin: 2, portMax: 3 } as const
const NAT = { type: 1, addressMin: 3, addressMax: 4, portMin: 5, portMax: 6 } as const
const TARGET = { name: 1, info: 3 } as const
const DATA_VALUE = 1
const META_OUT_INDEX = 5
const META_OUT_NAME = 7
const EQUAL = 0
const NOT_EQUAL = 1
const SOURCE = 0
/** struct nf_nat_ipv4_multi_range_compat: number of ranges; flags, first and last address, first and last port. */
const XT_RANGE = { flags: 4, addressMin: 8, addressMax: 12, portMin: 16, portMax: 18, bytes: 20 } as const
const XT_HAS_ADDRESSES = 1
const XT_HAS_PORTS = 2

/** The rules of this network namespace that change source addresses of what leaves by the uplink, read when they changed. */
export class SourceNatRules {
  #read: { version: string; rules: SourceNatRule[] } | undefined

  /** None where the kernel has no nf_tables. @throws the kernel's errors */
  async list(uplink: Link): Promise<SourceNatRule[]> {
    let socket: NetlinkSocket | undefined
    try {
      socket = new NetlinkSocket([], undefined, undefined, NETLINK_NETFILTER)
      const version = [generation(socket), uplink.ifindex, uplink.name].join(' ')
      if (this.#read?.version !== version) {
        this.#read = { version, rules: await readRules(socket, uplink) }
      }
      return this.#read.rules
    } catch (error) {
      if (['EPROTONOSUPPORT', 'EINVAL', 'EOPNOTSUPP'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
      throw error
    } finally {
      socket?.close()
    }
  }
}

/** Grows with each change of the rules. */
function generation(socket: NetlinkSocket): number | undefined {
  const [answer] = socket.request(question(NFT_MSG_GETGEN, 0))
  const [found] = answer === undefined ? [] : messagesOf(answer)
  return found && numberOf(attributesOf(found.body, NFGENMSG_BYTES).get(GENERATION_ID))
}

async function readRules(socket: NetlinkSocket, uplink: Link): Promise<SourceNatRule[]> {
  const rules: SourceNatRule[] = []
  await inSlices(messagesOf(await socket.dump(question(NFT_MSG_GETRULE, NLM_F_DUMP))), ({ type, body }) => {
    const rule = type === NFT_MSG_NEWRULE ? readSourceNat(body, uplink) : undefined
    if (rule !== undefined) rules.push(rule)
  })
  return rules
}

function question(type: number, flags: number): Uint8Array {
  return request(type, flags | NLM_F_ACK, new Uint8Array(NFGENMSG_BYTES))
}

/** @returns undefined for a rule that changes no source address of what leaves by the uplink */
function readSourceNat(body: Uint8Array, uplink: Link): SourceNatRule | undefined {
  const family = FAMILIES[body[0] ?? 0]
  const rule = attributesOf(body, NFGENMSG_BYTES)
  if (family === undefined) return undefined
  const registers = new Map<number, Uint8Array>()
  let found: Pick<SourceNatRule, 'action' | 'ports' | 'addresses'> | undefined
  for (const [, element] of attributeList(rule.get(RULE.expressions) ?? new Uint8Array())) {
    const expression = attributesOf(element)
    const data = attributesOf(expression.get(EXPRESSION.data) ?? new Uint8Array())
    const number = (attribute: number): number | undefined => numberOf(data.get(attribute))
    const valueAt = (attribute: number): Uint8Array | undefined => registers.get(number(attribute) ?? -1)
    switch (readText(expression.get(EXPRESSION.name) ?? new Uint8Array())) {
      case 'immediate': {
        const value = attributesOf(data.get(IMMEDIATE.data) ?? new Uint8Array()).get(DATA_VALUE)
        if (value !== undefined) registers.set(number(IMMEDIATE.register) ?? -1, value)
        break
      }
      case 'meta':
        registers.set(number(META.register) ?? -1, markOf(number(META.key)))
        break
      case 'cmp':
        if (excludes(valueAt(CMP.register), number(CMP.operation), data.get(CMP.data), uplink)) return undefined
        break
      case 'masq':
        found = { action: 'masquerade', ...portsOf(valueAt(MASQUERADE.portMin), valueAt(MASQUERADE.portMax)) }
        break
      case 'nat':
        if (number(NAT.type) !== SOURCE) break
        found = {
          action: 'snat',
          ...portsOf(valueAt(NAT.portMin), valueAt(NAT.portMax)),
          ...addressesOf(valueAt(NAT.addressMin), valueAt(NAT.addressMax)),
        }
        break
      case 'target':
        found ??= readTarget(data)
        break
      default:
        // Whatever it loads may take the place of the outgoing device in a register.
        for (const [register, value] of registers)
          if (value === OUT_NAME || value === OUT_INDEX) registers.delete(register)
    }
  }
  if (found === undefined) return undefined
  const text = (attribute: number): string => readText(rule.get(attribute) ?? new Uint8Array())
  const handle = rule.get(RULE.handle)
  const name = `rule of table ${family} ${text(RULE.table)}, chain ${text(RULE.chain)}, handle ${handle === undefined ? '?' : readBe32(handle, 4)}`
  return { name, ...found }
}

/** What iptables-nft has not translated: the target of iptables with its struct. */
function readTarget(data: Map<number, Uint8Array>): Pick<SourceNatRule, 'action' | 'ports' | 'addresses'> | undefined {
  const name = readText(data.get(TARGET.name) ?? new Uint8Array())
  const info = data.get(TARGET.info)
  if (name !== 'MASQUERADE' && name !== 'SNAT') return undefined
  const action = name === 'MASQUERADE' ? 'masquerade' : 'snat'
  if (info === undefined || info.length < XT_RANGE.bytes) return { action }
  const flags = readU32(info, XT_RANGE.flags)
  const address = (offset: number): Uint8Array => info.subarray(offset, offset + 4)
  const ports = { first: readBe16(info, XT_RANGE.portMin), last: readBe16(info, XT_RANGE.portMax) }
  return {
    action,
    ...((flags & XT_HAS_PORTS) === 0 ? {} : { ports }),
    ...((flags & XT_HAS_ADDRESSES) === 0
      ? {}
      : addressesOf(address(XT_RANGE.addressMin), address(XT_RANGE.addressMax))),
  }
}

function numberOf(bytes: Uint8Array | undefined): number | undefined {
  return bytes?.length === 4 ? readBe32(bytes) : undefined
}

/** The content of a register after `meta`: a mark for the loaded value, which depends on the packet. */
function markOf(key: number | undefined): Uint8Array {
  return key === META_OUT_NAME ? OUT_NAME : key === META_OUT_INDEX ? OUT_INDEX : UNKNOWN
}
const OUT_NAME = new Uint8Array(0)
const OUT_INDEX = new Uint8Array(0)
const UNKNOWN = new Uint8Array(0)

/** Whether a comparison keeps the rule from what leaves by the uplink. */
function excludes(
  loaded: Uint8Array | undefined,
  operation: number | undefined,
  data: Uint8Array | undefined,
  uplink: Link,
): boolean {
  const value = data && attributesOf(data).get(DATA_VALUE)
  if (value === undefined || (loaded !== OUT_NAME && loaded !== OUT_INDEX)) return false
  const isUplink = loaded === OUT_NAME ? matchesName(value, uplink.name) : readU32(value) === uplink.ifindex
  return operation === EQUAL ? !isUplink : operation === NOT_EQUAL ? isUplink : false
}

/** A name without the NUL at its end is the beginning of names: `oifname "eth*"`. */
function matchesName(value: Uint8Array, name: string): boolean {
  const text = readText(value)
  return value.includes(0) ? text === name : name.startsWith(text)
}

function portsOf(min: Uint8Array | undefined, max: Uint8Array | undefined): Pick<SourceNatRule, 'ports'> {
  if (min === undefined || min.length < 2) return {}
  return { ports: { first: readBe16(min), last: readBe16(max ?? min) } }
}

function addressesOf(min: Uint8Array | undefined, max: Uint8Array | undefined): Pick<SourceNatRule, 'addresses'> {
  const first = min && addressOfBytes(min)
  const last = max === undefined ? first : addressOfBytes(max)
  return first === undefined || last === undefined ? {} : { addresses: { first, last } }
}
