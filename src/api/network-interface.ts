// NetworkInterface of networking.ironcore.dev (docs/reference/ironcore-api.md).
import * as z from 'zod/mini'
import { addressProblem, addressUse, formatAddress, tryParseAddress } from '../net/address.ts'
import type { Converted } from '../schema/fields.ts'
import { across, converted, described, fields, list, mapsOf, titled } from '../schema/fields.ts'
import { quoteValue } from '../schema/issue.ts'
import { name, networkRef, providerID, reference, texts } from './common-fields.ts'
import type { IPFamily } from './meta.ts'

const FAMILIES = ['IPv4', 'IPv6'] as const

const ip = titled(
  fields(
    {
      value: described(
        converted('an address, like 10.0.0.1', readAddress),
        'inside address; unique within its Network',
      ),
    },
    { unsupported: { ephemeral: 'give value: addresses are not taken from a prefix here' } },
  ),
  'an address, like {value: 10.0.0.1}',
  {
    instead: (value) => {
      if (typeof value !== 'string') return undefined
      return { message: `${quoteValue(value)} is text`, remedy: `write value: ${value}` }
    },
  },
)

/** A family or an address that says one, and where it stands. */
interface PlacedFamily {
  path: (string | number)[]
  value: unknown
  family: IPFamily
}

/** ipFamilies[i] is the family of ips[i]; without families they are those of the addresses. */
const familiesFit = across<{ ipFamilies: unknown; ips: unknown }>(({ ipFamilies, ips }, refuse) => {
  const given = placedFamilies(ipFamilies)
  const addresses = placedAddresses(ips)
  const families = given.length > 0 ? given : addresses
  for (const [i, { path, value, family }] of families.entries()) {
    if (families.findIndex((each) => each.family === family) === i) continue
    const remedy = 'an interface has at most one address of each family'
    refuse(path, value, { message: `is the second of family ${family}`, remedy })
  }
  const [asked, count] = [lengthOf(ipFamilies), lengthOf(ips)]
  if (asked > 0 && count > 0 && count !== asked) {
    const remedy = 'give one address for each family, in their order'
    refuse(['ips'], ips, { message: `has ${count} addresses for ${asked} entries of ipFamilies`, remedy })
  }
  for (const { path, value, family } of addresses) {
    const expected = given.find((each) => each.path[1] === path[1])?.family
    if (expected === undefined || family === expected) continue
    const remedy = `its entry of ipFamilies says ${expected}`
    refuse(path, value, { message: `${quoteValue(value)} is an ${family} address`, remedy })
  }
})

function placedFamilies(ipFamilies: unknown): PlacedFamily[] {
  const elements: unknown[] = Array.isArray(ipFamilies) ? ipFamilies : []
  return elements.flatMap((value, i) => {
    const family = FAMILIES.find((each) => each === value)
    return family === undefined ? [] : [{ path: ['ipFamilies', i], value, family }]
  })
}

function placedAddresses(ips: unknown): PlacedFamily[] {
  return mapsOf(ips).flatMap(([i, { value }]) =>
    typeof value === 'string' ? [{ path: ['ips', i, 'value'], value, family: familyOfText(value) }] : [],
  )
}

function lengthOf(list: unknown): number {
  return Array.isArray(list) ? list.length : 0
}

export const networkInterfaceSpec = titled(
  fields(
    {
      providerID,
      networkRef: described(networkRef, 'the Network'),
      machineRef: described(
        z.exactOptional(
          fields({
            name: described(name('DNS label'), 'the machine that has the interface'),
            uid: described(z._default(titled(z.string(), 'a UID'), ''), 'its UID'),
          }),
        ),
        'the machine that has the interface',
      ),
      ipFamilies: described(
        z._default(list(z.enum(FAMILIES), 'families: IPv4, IPv6'), []),
        'the family of each of `ips`, in their order; where empty, those of the addresses; immutable',
      ),
      ips: described(list(ip, 'an address, like - value: 10.0.0.1'), 'inside addresses, at most one of each family'),
      virtualIP: described(
        z.exactOptional(
          fields(
            {
              virtualIPRef: described(
                reference(
                  'the VirtualIP, like {name: virtualip-sample}',
                  'DNS label',
                  'its public address: no gateway serves the interface (IPv4)',
                ),
                'the VirtualIP of the interface',
              ),
            },
            { unsupported: { ephemeral: 'make a VirtualIP and name it in virtualIPRef' } },
          ),
        ),
        'the interface has a public address of its own, so no gateway serves it (IPv4)',
      ),
      attributes: described(z.exactOptional(texts), 'for the provider of the interface'),
    },
    {
      unsupported: { prefixes: 'remove it: routed prefixes of an interface are not realised' },
      emptyIsAbsent: { providerID: '', ips: [] },
    },
  ).check(familiesFit, z.overwrite(withFamilies)),
  'networkRef and ips',
)

function withFamilies<S extends { ipFamilies: IPFamily[]; ips: { value: string }[] }>(spec: S): S {
  if (spec.ipFamilies.length > 0) return spec
  return { ...spec, ipFamilies: spec.ips.map(({ value }) => familyOfText(value)) }
}

/** In canonical form, so that equal addresses are equal texts. */
function readAddress(text: string): Converted<string> {
  const address = tryParseAddress(text)
  const quoted = quoteValue(text)
  if (address === undefined) {
    return { message: `${quoted} is not an IP address`, remedy: addressProblem(text) ?? 'give one address' }
  }
  const use = addressUse(address)
  if (use === 'unicast') return { value: formatAddress(address) }
  return { message: `${quoted} is a ${use} address`, remedy: 'give an address a machine can have' }
}

/** The family of an address that was read; for a text that is not one either will do, as it is refused already. */
function familyOfText(text: string): IPFamily {
  return text.includes(':') ? 'IPv6' : 'IPv4'
}
