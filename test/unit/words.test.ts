import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

/**
 * Words with a private meaning, and what is said instead (docs/glossary.md). A pattern names a path where the word has
 * another, usual meaning elsewhere.
 */
const PRIVATE_WORDS: [word: string, pattern: RegExp, instead: string, paths?: RegExp][] = [
  ['deal', /\bdeals?\b|\bdealt\b|\bdealing\b|slicedeal/i, 'allocate, SliceAllocation'],
  ['ledger', /ledger/i, 'SliceAllocator, InterfaceResults'],
  ['book', /\bbooks?\b|(?<=[a-z])Books?\b/, 'AllocationCache'],
  ['hungry', /hungry/i, 'waitingForAddress'],
  ['unserved', /unserved/i, 'pending'],
  ['homeless', /homeless/i, 'unplaced'],
  ['misfit', /misfit/i, 'displaced'],
  ['newcomer', /newcomer/i, 'added'],
  ['leaver', /\bleavers?\b/i, 'released'],
  ['contest', /contest/i, 'AddressConflict'],
  ['crown', /crown/i, 'setHolder'],
  ['standing', /\bstanding\b/, 'AddressConflict', /^src\/controllers/],
  ['judge', /judge/i, 'evaluate'],
  ['secure', /\bsecured?\b/, 'acquire', /^src\/controllers/],
  ['giveUp', /giveUp|givenUp/, 'release'],
  ['claim', /(?<!-)claim(?!Ref)/i, 'owner word, SliceAssignment, claimRef, lock'],
  ['finding', /findings?\b/i, 'ValidationIssue, ConditionUpdate, ProgrammedState'],
  ['run', /\brun_\w+|\bstruct run\b|\w+_run\b|->runs?\b|\bruns\[/, 'slot range', /^bpf/],
  ['cell', /\bcells?\b|CELLS/, 'index, entry', /^(bpf|docs|src\/(dataplane|kernel))/],
  ['home', /\bhome\b/, 'bucket', /^(bpf|docs|src\/(dataplane|kernel))/],
  ['position', /\bposition/, 'index', /^bpf/],
  ['chunk', /chunk/i, 'slot block', /^(bpf|native|docs|src\/(?!store)|test\/(?!unit\/store|property\/store))/],
  ['arena', /arena/i, 'slot store'],
  ['holder of a slot', /holder(?! of)/i, 'word index', /^bpf/],
  ['landing', /\blandings?\b|landing_/i, 'ext_mapping, mapping_by_port'],
  ['way_in', /\bway_in\b/, 'check_inbound'],
  ['not_nat', /\bnot_nat\b/, 'pass_or_drop'],
  ['private_other', /\bprivate_other\b/, 'handle_non_ipv4'],
  ['to_host', /\bto_host\b/, 'pass_to_host'],
  ['in.h', /(?<!linux\/)(?<![\w.-])(in|out)\.h\b/, 'inbound.h, outbound.h'],
  ['struct link', /struct link\b/, 'struct chain_node'],
  ['session->session', /session(->|\.)session\b/, 'session_entry'],
  ['spill', /spill(?!s? its| the)/i, 'multi-session'],
  ['grace', /\bgrace(?!ful)|_grace|Grace(?!ful)/, 'port_reuse_delay'],
  ['sweep', /sweep|swept/i, 'expiry'],
  ['forget', /\bforg[eo]t/i, 'remove'],
  ['take away', /takes? (\w+ )?away|taken away|took (\w+ )?away|taking (\w+ )?away|takeAway/i, 'remove'],
  ['leak_prevented', /leak_prevented/i, 'internal'],
  ['door', /\bdoors?\b/i, 'enable, disable'],
  ['surprised', /surpris/i, 'needsFullCompare'],
  ['doubtful', /doubtful/i, 'unattributedFailure'],
  ['knob', /knob/i, 'configKey'],
  ['told', /\btold\b/, 'reported'],
  ['leave', /'leave'/, 'notLocal'],
  ['keeper', /keeper/i, 'NeighbourResolver'],
  ['tend', /\b(tend|tends|tended|tending)\b/, 'refresh'],
  ['missed', /\bmissed\b/, 'unresolvedSince', /^src\/agent/],
  ['trouble', /\btroubles?\b/i, 'problems'],
  ['realised', /reali[sz]ed/i, 'supported'],
  ['look up', /\b\w*look_up\b|\b[a-z]+_(find|search)\b|\bsession_window\b/, '_lookup, _lookup_slow', /^(bpf|docs)/],
  ['time without _MS', /\b(SPACING|RETRY)\b/, '_MS'],
  ['anew', /\banew\b/, 'again'],
  ['lest', /\blest\b/, 'so that … not'],
]

/** Words of rooms that are not renamed yet. Nothing is added here. */
const TO_BE_RENAMED = new Set([
  'deal',
  'book',
  'hungry',
  'leaver',
  'contest',
  'crown',
  'standing',
  'judge',
  'secure',
  'giveUp',
  'claim',
  'finding',
  'home',
  'chunk',
  'grace',
  'forget',
  'take away',
  'door',
  'told',
  'realised',
  'look up',
  'anew',
  'lest',
])

const SEARCHED = /^(src|bpf|native|docs|scripts|bin|deploy|examples|\.ci|\.github)\/|^[A-Z]+\.md$|^Dockerfile$/
const NOT_TEXT = /\.(svg|json|png)$/

interface Text {
  path: string
  lines: string[]
}

/** Titles of the tests in a file, in place of its other lines. */
function titles({ path, lines }: Text): Text {
  const title = /^\s*(?:(?:describe|it|test)\b.*\(|.*\]\)\()\s*['"`]|^\s*(?=['"`].*['"`],$)/
  return { path, lines: lines.map((line) => (title.test(line) ? line : '')) }
}

const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n')
const textOf = (path: string): Text => ({ path, lines: readFileSync(path, 'utf8').split('\n') })
const texts = [
  ...files.filter((path) => SEARCHED.test(path) && !NOT_TEXT.test(path)).map(textOf),
  ...files
    .filter((path) => /^test\/.*\.ts$/.test(path) && !path.endsWith('/words.test.ts'))
    .map((path) => titles(textOf(path))),
]

/** @returns places where a text or its path has the word */
function places({ path, lines }: Text, pattern: RegExp): string[] {
  const hits = lines.flatMap((line, i) => (pattern.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : []))
  return pattern.test(path) ? [`${path} (its name)`, ...hits] : hits
}

describe('a private word is in no source, message, page or title of a test', () => {
  it.each(PRIVATE_WORDS)('%s', (word, pattern, instead, paths = /^/) => {
    const found = texts.filter(({ path }) => paths.test(path)).flatMap((text) => places(text, pattern))
    if (TO_BE_RENAMED.has(word)) return
    expect(found, `say: ${instead}`).toEqual([])
  })

  it('would be seen in a line, in a path and in the title of a test', () => {
    const text = { path: 'src/allocation/slice-ledger.ts', lines: ['const a = 1', 'new SliceLedger()'] }
    expect(places(text, /ledger/i)).toHaveLength(2)
    const lines = ["it('deals again', () => {", '  const deals = 1', "])('%s: deals', () => {"]
    expect(places(titles({ path: 'test/a.test.ts', lines }), /\bdeals\b/)).toHaveLength(2)
  })
})
