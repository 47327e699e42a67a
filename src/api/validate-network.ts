import { ADDRESS_BITS, familyOf, tryParseAddress } from '../net/address.ts'
import type { Field } from './field.ts'
import type { Network, NetworkPeering } from './types.ts'

/** Reads `spec` of a Network; rules of docs/reference/ironcore-api.md. What is wrong is left as findings. */
export function readNetworkSpec(spec: Field, namespace: string, name: string): Network['spec'] {
  if (spec.absent || !spec.isObject(['providerID', 'peerings', 'incomingPeerings'])) return {}
  const seen = new Uniqueness()
  const peerings = spec
    .child('peerings')
    .elements()
    .map((field) => readPeering(field, namespace, name, seen))
  const incoming = spec.child('incomingPeerings').elements().map(readIncomingPeering)
  const providerID = spec.child('providerID').optional((field) => field.string())
  return {
    ...(providerID === undefined || providerID === '' ? {} : { providerID }),
    ...(peerings.length === 0 ? {} : { peerings }),
    ...(incoming.length === 0 ? {} : { incomingPeerings: incoming }),
  }
}

/** Values that may occur once over all peerings of a Network. */
class Uniqueness {
  readonly #seen = new Map<string, string>()

  check(what: string, value: string | undefined, field: Field): void {
    if (value === undefined) return
    const before = this.#seen.get(`${what} ${value}`)
    if (before !== undefined)
      field.refuse(`"${value}" occurs twice`, `each ${what} occurs once; it is at ${before} already`)
    else this.#seen.set(`${what} ${value}`, field.path)
  }
}

function readPeering(field: Field, ownNamespace: string, ownName: string, seen: Uniqueness): NetworkPeering {
  if (!field.isObject(['name', 'networkRef', 'prefixes'])) return { name: '', networkRef: { name: '' } }
  const name = field.child('name').name('DNS subdomain')
  seen.check('peering name', name, field.child('name'))
  const networkRef = readNamespacedRef(field.child('networkRef'))
  const target = `${networkRef.namespace ?? ownNamespace}/${networkRef.name}`
  if (target === `${ownNamespace}/${ownName}`) {
    field.child('networkRef').refuse('is this Network itself', 'name the Network to peer with')
  } else if (networkRef.name !== '') seen.check('peered Network', target, field.child('networkRef'))
  const prefixes = field
    .child('prefixes')
    .elements()
    .map((prefix) => readPrefix(prefix, seen))
  return { name: name ?? '', networkRef, ...(prefixes.length === 0 ? {} : { prefixes }) }
}

function readNamespacedRef(field: Field): { namespace?: string; name: string } {
  if (field.absent) field.missing('the other Network, like {name: network-sample2}')
  if (field.absent || !field.isObject(['namespace', 'name'])) return { name: '' }
  const namespace = field.child('namespace').optional((each) => each.name('DNS label'))
  const name = field.child('name').name('DNS subdomain') ?? ''
  return { ...(namespace === undefined ? {} : { namespace }), name }
}

function readPrefix(field: Field, seen: Uniqueness): NonNullable<NetworkPeering['prefixes']>[number] {
  if (!field.isObject(['name', 'prefix', 'prefixRef'])) return { name: '' }
  const name = field.child('name').name('DNS subdomain')
  seen.check('prefix name', name, field.child('name'))
  const prefix = field.child('prefix').optional(readIpPrefix)
  const prefixRef = field.child('prefixRef').optional((ref) => {
    const target = ref.isObject(['name']) ? ref.child('name').name('DNS subdomain') : undefined
    seen.check('prefixRef', target, ref)
    return { name: target ?? '' }
  })
  return {
    name: name ?? '',
    ...(prefix === undefined ? {} : { prefix }),
    ...(prefixRef === undefined ? {} : { prefixRef }),
  }
}

/** Of either family; host bits are kept as written, as upstream does. */
function readIpPrefix(field: Field): string | undefined {
  const text = field.string()
  if (text === undefined) return undefined
  const [addressText = '', length = '', ...rest] = text.split('/')
  const address = tryParseAddress(addressText)
  const bits = address === undefined ? -1 : ADDRESS_BITS[familyOf(address)]
  if (rest.length === 0 && /^(0|[1-9][0-9]{0,2})$/.test(length) && Number(length) <= bits) return text
  return field.refuse(`"${text}" is not a prefix`, 'write address/length, like 10.0.0.0/24')
}

function readIncomingPeering(field: Field): { namespace?: string; name: string; uid?: string } {
  if (!field.isObject(['namespace', 'name', 'uid'])) return { name: '' }
  const namespace = field.child('namespace').optional((each) => each.name('DNS label'))
  const uid = field.child('uid').optional((each) => each.string())
  return {
    ...(namespace === undefined ? {} : { namespace }),
    name: field.child('name').name('DNS subdomain') ?? '',
    ...(uid === undefined ? {} : { uid }),
  }
}
