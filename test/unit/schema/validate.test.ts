import { describe, expect, it } from 'vitest'
import * as z from 'zod/mini'
import { across, converted, fields, list, text, titled, wholeNumber } from '../../../src/schema/fields.ts'
import { describeIssue } from '../../../src/schema/issue.ts'
import { validate } from '../../../src/schema/validate.ts'

const about = { object: 'x.yaml', code: 'ERR_INVALID_FIELD' } as const

const short = text('a short text', (value) =>
  value.length < 5 ? undefined : { message: `"${value}" is long`, remedy: 'use at most 4 letters' },
)
const schema = z
  .strictObject({
    name: short,
    size: wholeNumber({ min: 1, max: 9, unit: 'bytes' }, 3),
    colour: z._default(z.enum(['red', 'green']), 'red'),
    on: z._default(z.boolean(), false),
    entries: z.prefault(
      list(z.union([short, z.strictObject({ value: short, weight: z.exactOptional(z.int()) })]), 'entries'),
      [],
    ),
    labels: z.exactOptional(z.record(z.string(), z.string())),
  })
  .check(
    across<{ name: unknown; colour: unknown }>(({ name, colour }, refuse) => {
      if (name === colour) refuse(['name'], name, { message: 'is the colour', remedy: 'give another' })
    }),
  )

/** What a user is told, a line for each issue. */
function refusals(document: unknown): string[] {
  return validate(schema, document, about).issues?.map((issue) => describeIssue(issue).replace('x.yaml: ', '')) ?? []
}

describe('a document by its schema', () => {
  it('is read with its defaults', () => {
    const { value } = validate(schema, { name: 'a' }, about)
    expect(value).toEqual({ name: 'a', size: 3, colour: 'red', on: false, entries: [] })
  })

  it.each<[string, unknown, string]>([
    ['is no map', null, 'x.yaml: null is not a map of fields; its fields are name, size, colour, on, entries, labels'],
    ['lacks a field', {}, 'name: is missing; give a short text'],
    ['misspells a field', { name: 'a', colur: 'red' }, 'colur: is not a known field; did you mean colour?'],
    [
      'has a field that is not known',
      { name: 'a', weight: 1 },
      'weight: is not a known field; known are name, size, colour, on, entries, labels',
    ],
    ['hides a field behind __proto__', JSON.parse('{"name": "a", "__proto__": 1}'), '__proto__: is not a known field;'],
    ['has a number for a text', { name: 12 }, 'name: 12 is not text; put it in quotes: "12"'],
    ['has a number that is no right text', { name: 12345 }, 'name: 12345 is not text; give a short text'],
    ['leaves a text empty', { name: null }, 'name: is empty; write "" for an empty text'],
    ['has a text that a rule refuses', { name: 'abcde' }, 'name: "abcde" is long; use at most 4 letters'],
    [
      'has a text for a number',
      { name: 'a', size: '7' },
      'size: "7" is text, not a whole number of 1 … 9 bytes; write 7',
    ],
    [
      'has a text that is no right number',
      { name: 'a', size: '10' },
      'not a whole number of 1 … 9 bytes; 3 is the default',
    ],
    ['has a number out of bounds', { name: 'a', size: 10 }, 'size: 10 is not a whole number of 1 … 9 bytes; 3 is'],
    ['has a fraction', { name: 'a', size: 1.5 }, 'size: 1.5 is not a whole number of 1 … 9 bytes; 3 is the default'],
    ['has a value near another', { name: 'a', colour: 'Red' }, 'colour: "Red" is not a supported value; write red'],
    ['has another value', { name: 'a', colour: 'blue' }, 'colour: "blue" is not a supported value; write red or green'],
    ['has a text for a boolean', { name: 'a', on: 'no' }, 'on: "no" is not a boolean; write true or false'],
    ['has a map for a list', { name: 'a', entries: {} }, 'entries: {} is not a list; put each element on a line'],
    ['has a list for a map', { name: 'a', labels: ['b'] }, 'labels: ["b"] is not a map; write name: "value" pairs'],
    [
      'has no text in a map of texts',
      { name: 'a', labels: { b: 1 } },
      'labels.b: 1 is not text; put it in quotes: "1"',
    ],
    [
      'is wrong within one form of two',
      { name: 'a', entries: [{ value: 'abcde' }] },
      'entries[0].value: "abcde" is long',
    ],
    [
      'is wrong in the other form',
      { name: 'a', entries: ['abcde'] },
      'entries[0]: "abcde" is long; use at most 4 letters',
    ],
    [
      'lacks a field of a form',
      { name: 'a', entries: [{ weigth: 1 }] },
      'entries[0].weigth: is not a known field; did you',
    ],
    ['has neither form', { name: 'a', entries: [7] }, 'entries[0]: 7 is not valid; give a value'],
    ['breaks a rule between fields', { name: 'red' }, 'name: is the colour; give another'],
  ])('that %s is refused with what would be right', (_, document, expected) => {
    const lines = refusals(document).map((line) => (line.startsWith('null') ? `x.yaml: ${line}` : line))
    expect(lines[0]).toContain(expected)
  })

  it('is told of everything at once, first of fields that are not known', () => {
    const document = { name: 'red', size: 0, colour: 'red', entries: [{ vlue: 'a' }], colur: 'red' }
    expect(refusals(document).map((line) => line.split(':')[0])).toEqual([
      'colur',
      'entries[0].vlue',
      'size',
      'entries[0].value',
      'name',
    ])
  })

  it('is told one thing of one field', () => {
    const twice = schema.check(
      across<{ name: unknown }>(({ name }, refuse) => {
        refuse(['name'], name, { message: 'is wrong', remedy: 'give another' })
      }),
    )
    const { issues } = validate(twice, { name: 'abcde' }, about)
    expect(issues?.map(({ message }) => message)).toEqual(['"abcde" is long'])
  })
})

it('one schema in two places keeps what each of them means', () => {
  const pair = z.strictObject({ first: titled(short, 'the first'), second: titled(short, 'the second') })
  expect(validate(pair, {}, about).issues?.map(({ remedy }) => remedy)).toEqual(['give the first', 'give the second'])
})

describe('a map of fields as the Kubernetes API reads it', () => {
  const spec = fields(
    {
      id: z.exactOptional(z.string()),
      ports: z.exactOptional(list(z.int(), 'ports')),
      size: wholeNumber({ min: 1, max: 9 }, 3),
      name: converted('a name', (name) =>
        name === '' ? { message: 'is empty', remedy: 'give one' } : { value: name.toLowerCase() },
      ),
    },
    {
      emptyIsAbsent: { id: '', ports: [] },
      unsupported: { template: 'write the fields themselves' },
      ignored: ['uid'],
    },
  ).check(
    across<{ name: unknown }>(({ name }, refuse) => {
      if (name === 'a') refuse(['name'], name, { message: 'is taken', remedy: 'give another' })
    }),
  )
  const lines = (document: unknown) =>
    validate(spec, document, about).issues?.map(({ field, message, remedy }) => `${field}: ${message}; ${remedy}`)

  it('takes null, and an empty value where it means nothing, for absent', () => {
    const document = { id: '', ports: [], size: null, name: 'B', uid: { any: 1 } }
    expect(validate(spec, document, about).value).toEqual({ size: 3, name: 'b' })
  })

  it('refuses an empty value of another type, and fields that are not known whatever they are', () => {
    expect(lines({ name: 'b', ports: '', other: null })).toEqual([
      'other: is not a known field; known are id, ports, size, name',
      'ports: "" is not a list; put each element on a line of its own that begins with "- "',
    ])
  })

  it('says what to do in the place of a field that is not supported', () => {
    expect(lines({ name: 'b', template: {} })).toEqual(['template: is not supported here; write the fields themselves'])
  })

  it('asks rules between fields of converted values only', () => {
    expect(lines({ name: 'A' })).toEqual(['name: is taken; give another'])
    expect(lines({ name: '' })).toEqual(['name: is empty; give one'])
  })
})
