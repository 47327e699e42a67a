// Rules of gateway.yaml between its fields.
import type { Prefix } from '../net/cidr.ts'
import { formatCidr, overlaps, tryParseCidr } from '../net/cidr.ts'
import { across, isMap, mapsOf } from '../schema/fields.ts'
import { quoteValue } from '../schema/issue.ts'

interface Devices {
  uplink: unknown
  private: unknown
}

export const devicesDiffer = across<Devices>(({ uplink, private: devices }, refuse) => {
  const uplinkName = isMap(uplink) ? uplink.interface : undefined
  const seen = new Set<unknown>()
  for (const [i, { interface: name }] of mapsOf(devices)) {
    if (typeof name !== 'string') continue
    const path = ['private', i, 'interface']
    if (name === uplinkName) {
      refuse(path, name, { message: `${quoteValue(name)} is the uplink too`, remedy: 'a device is one or the other' })
    }
    if (seen.has(name)) {
      refuse(path, name, {
        message: `${quoteValue(name)} is listed before`,
        remedy: 'a device belongs to one Network: list it once',
      })
    }
    seen.add(name)
  }
})

interface Placed {
  path: (string | number)[]
  prefix: Prefix
}

export const prefixesDiffer = across<{ private: unknown; publicPrefixes: unknown }>((config, refuse) => {
  const inside = new Map<string, Prefix[]>()
  for (const [i, { network, prefixes }] of mapsOf(config.private)) {
    // Networks are isolated: the same addresses in two of them are two machines.
    const before = inside.get(JSON.stringify(network)) ?? []
    inside.set(JSON.stringify(network), before)
    for (const { path, prefix } of prefixesOf(prefixes, ['private', i, 'prefixes'])) {
      const other = before.find((each) => overlaps(each, prefix))
      if (other !== undefined) {
        refuse(path, formatCidr(prefix), {
          message: `${quoteValue(formatCidr(prefix))} overlaps ${formatCidr(other)}, given before for the same Network`,
          remedy: 'give each address of a Network to one device',
        })
      }
      before.push(prefix)
    }
  }
  const allInside = [...inside.values()].flat()
  const outside: Prefix[] = []
  for (const { path, prefix } of publicPrefixesOf(config.publicPrefixes)) {
    const text = quoteValue(formatCidr(prefix))
    const other = outside.find((each) => overlaps(each, prefix))
    if (other !== undefined) {
      refuse(path, formatCidr(prefix), {
        message: `${text} overlaps the public prefix ${formatCidr(other)}, given before`,
        remedy: 'give each address once',
      })
    }
    const own = allInside.find((each) => overlaps(each, prefix))
    if (own !== undefined) {
      refuse(path, formatCidr(prefix), {
        message: `${text} overlaps the private prefix ${formatCidr(own)}`,
        remedy: 'give public addresses only',
      })
    }
    outside.push(prefix)
  }
})

function prefixesOf(value: unknown, above: readonly (string | number)[]): Placed[] {
  const elements: unknown[] = Array.isArray(value) ? value : []
  return elements.flatMap((each, i) => placed(each, [...above, i]))
}

function publicPrefixesOf(value: unknown): Placed[] {
  return mapsOf(value).flatMap(([i, { prefix }]) => placed(prefix, ['publicPrefixes', i]))
}

function placed(text: unknown, path: (string | number)[]): Placed[] {
  const prefix = typeof text === 'string' ? tryParseCidr(text) : undefined
  return prefix === undefined ? [] : [{ path, prefix }]
}
