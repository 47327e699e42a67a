import { describe, expect, it } from 'vitest'
import { parseDocument } from 'yaml'
import { ambiguousValues } from '../../../src/document/dialects.ts'
import { readAsKubectl } from '../../../src/document/kubectl-scalars.ts'

const parse = (text: string) => parseDocument(text, { merge: true, prettyErrors: false })
const found = (text: string) =>
  ambiguousValues(parse(text)).map(({ path, message, remedy }) => `${path.join('.')}: ${message}; ${remedy}`)

describe('kubectl reads a plain scalar', () => {
  // Of sigs.k8s.io/yaml: YAML 1.1 without base 60, dates stay text.
  it.each<[string, unknown]>([
    ['yes', true],
    ['Off', false],
    ['yEs', 'yEs'],
    ['y', true],
    ['~', null],
    ['', null],
    ['0100', 64],
    ['-0100', -64],
    ['0o100', 64],
    ['08', 8],
    ['0x1F', 31],
    ['-0x1F', -31],
    ['0b101', 5],
    ['1_000', 1000],
    ['1_0.5', 10.5],
    ['_1', '_1'],
    ['1e3', 1000],
    ['.5', 0.5],
    ['1.', 1],
    ['.inf', Infinity],
    ['-.INF', -Infinity],
    ['.nan', NaN],
    ['1:30', '1:30'],
    ['52:54:00:12:34:56', '52:54:00:12:34:56'],
    ['2026-11-25', '2026-11-25'],
    ['10.0.0.1', '10.0.0.1'],
    ['0x', '0x'],
    ['-', '-'],
    ['true', true],
  ])('%j as %j', (source, value) => {
    expect(readAsKubectl(source)).toEqual(value)
  })
})

describe('a document that means one thing to YAML 1.1, as kubectl reads, and another to YAML 1.2', () => {
  it.each([
    ['ports: 0100', 'ports: 0100 is 64 to YAML 1.1, as kubectl reads, and 100 to YAML 1.2; write "0100" or 64'],
    ['ports: 1_024', 'ports: 1_024 is 1024 to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "1_024" or 1024'],
    ['a: {b: [1, yes]}', 'a.b.1: yes is true to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "yes"'],
    ['on: 1', 'on: the key on is true to YAML 1.1, as kubectl reads, and text to YAML 1.2; write "on"'],
    ['1e3: 1', '1000: the key 1e3 is a number; write "1e3"'],
    ['a: !!binary aGk=', /^a: has the tag tag:yaml.org,2002:binary, .*; write it without a tag$/],
    ['a: !mine {}', /^a: has the tag !mine/],
    ['x: &x {a: 1}\nb: {a: 2, <<: *x}', /^b\.a: stands before a << that brings it too: .*; put << first in its map$/],
    ['x: &x {a: 1}\nz: &z {<<: *x}\nb: {a: 2, <<: [*z]}', /^b\.a: stands before a <</],
    ['x: &x {a: 1}\nb: {<<: *x, <<: *x}', /^b\.<<: a second << in one map/],
  ])('is reported with the place and the remedy: %j', (text, expected) => {
    expect(found(text)).toEqual([typeof expected === 'string' ? expected : expect.stringMatching(expected)])
  })

  it.each([
    'a: "yes"',
    "a: 'no'",
    'a: !!str on',
    'a: |\n  yes',
    'a: 64',
    'a: 1e3',
    'a: 0x40',
    'a: 1:30',
    'a: 2026-11-25',
    'a: ~',
    'a:',
    '1: x',
    '"on": x',
    'x: &x {a: 1}\nb: {<<: *x, a: 2}',
    '<<: {a: 1}',
  ])('is not what this is: %j', (text) => {
    expect(found(text)).toEqual([])
  })

  it('that merges merges without end is refused instead of unfolded', () => {
    const lines = ['a0: &a0 {k: v}']
    for (let i = 1; i < 30; i++) lines.push(`a${i}: &a${i} {<<: [${new Array(9).fill(`*a${i - 1}`).join(', ')}]}`)
    expect(() => ambiguousValues(parse(lines.join('\n')))).toThrow(RangeError)
  })
})
