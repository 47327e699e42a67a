// docs/packet-flow.md has a table a direction with what can end a packet; the programs are read for what really can.
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('../../', import.meta.url)
const source = readdirSync(new URL('bpf/', ROOT))
  .filter((name) => /\.[ch]$/.test(name) && name !== 'types.h')
  .map((name) => readFileSync(new URL(`bpf/${name}`, ROOT), 'utf8'))
  .join('\n')
  .replace(/\/\*[\s\S]*?\*\//g, '')

/** No packet ends by these: nothing was wrong, or a state that cannot be, of which the page speaks below its table. */
const NO_REASON = new Set(['DROP_NONE', 'DROP_LEAK_PREVENTED', 'DROP_INTERNAL'])

/** Functions by name: a definition begins at the margin and ends with a brace there. */
const bodies = new Map(
  [...source.matchAll(/^[a-z_][\w ]*?[ *](\w+)\([^;{}]*?\)\n\{\n([\s\S]*?)^\}/gm)].map(
    ([, name = '', body = '']) => [name, body] as const,
  ),
)

/** Reasons that a program, or a function that it calls, names. */
function reasonsOf(program: string): Set<string> {
  const seen = new Set([program])
  const reasons = new Set<string>()
  for (const name of seen) {
    const words = bodies.get(name)?.match(/\b\w+\b/g) ?? []
    for (const word of words) {
      if (bodies.has(word)) seen.add(word)
      else if (word.startsWith('DROP_') && !NO_REASON.has(word)) reasons.add(word)
    }
  }
  return reasons
}

const sections = readFileSync(new URL('docs/packet-flow.md', ROOT), 'utf8').split(/^## /m)

/** Reasons in the last column of the tables of a section. */
function documented(title: string): Set<string> {
  const section = sections.find((each) => each.startsWith(title)) ?? ''
  const cells = section.split('\n').flatMap((line) => (line.startsWith('|') ? (line.split('|').at(-2) ?? '') : []))
  return new Set(cells.join(' ').match(/DROP_\w+/g))
}

/** Named by a function of both directions, and returned in the other one only. */
const OF_THE_OTHER: Record<string, string[]> = {
  Out: [],
  In: ['DROP_ICMP_TYPE', 'DROP_VLAN', 'DROP_ICMP_DESTINATION'],
}

describe.each([
  ['Out', 'nat_from_private'],
  ['In', 'nat_from_uplink'],
])('the table %s of docs/packet-flow.md', (title, program) => {
  const named = reasonsOf(program)

  it('has every reason that the program of that direction returns', () => {
    expect(named.size).toBeGreaterThan(10)
    const table = documented(title)
    expect([...named].filter((each) => !table.has(each) && !OF_THE_OTHER[title]?.includes(each))).toEqual([])
  })

  it('has no reason that it does not return', () => {
    expect([...documented(title)].filter((each) => !named.has(each))).toEqual([])
  })
})
