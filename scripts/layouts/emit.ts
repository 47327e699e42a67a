// Shapes → the text of src/dataplane/generated/layouts.ts. Names: struct next_hop → NextHop, nextHopCodec; fields in
// camelCase; enumerators as in C, so that one search finds both sides.
import type { Description } from './describe.ts'
import type { EnumShape, Field, FieldType, MapShape, StructShape } from './shapes.ts'

/** u64 fields that fit a double: counters, nanoseconds and jiffies. Everything else of 8 bytes becomes a bigint. */
const FITS_NUMBER = /(^|_)(packets|bytes|ns|jiffies|refused|reported)$/

export interface Layouts {
  structs: StructShape[]
  enums: EnumShape[]
  maps: MapShape[]
  descriptions: Record<string, Description>
}

export function emit(layouts: Layouts): string {
  return [
    '// Generated from the BTF of build/bpf/natgw.bpf.o by scripts/generate-layouts.ts. Do not edit.',
    "import { getBytes, getCount, setBytes, setCount, u32Codec, u64Codec } from '../codec.ts'",
    "import type { Codec, MapLayout, MapShape, OuterMapLayout } from '../codec.ts'",
    "import type { LaidOut } from '../compatibility.ts'",
    ...layouts.enums.map(emitEnum),
    ...layouts.structs.map((struct) => (isTable(struct) ? emitTable(struct) : emitStruct(struct))),
    emitMaps(layouts.maps, new Set(layouts.structs.filter(isTable).map(({ name }) => name))),
    emitDescriptions(layouts.descriptions),
  ].join('\n')
}

function emitEnum({ name, values }: EnumShape): string {
  const type = pascal(name)
  const lines = [
    '',
    `export const ${type} = {`,
    ...values.map((entry) => `  ${entry.name}: ${entry.value},`),
    '} as const',
    `export type ${type} = (typeof ${type})[keyof typeof ${type}]`,
  ]
  if (/(limits|constants|flags|versions)$/.test(name)) return lines.join('\n')
  const named = values.filter((entry) => entry.name !== `${name.toUpperCase()}S`)
  const prefix = commonPrefix(named.map((entry) => entry.name))
  lines.push(
    `export const ${camel(name)}Names: Readonly<Record<number, string>> = {`,
    ...named.map((entry) => `  ${entry.value}: '${entry.name.slice(prefix).toLowerCase()}',`),
    '}',
  )
  return lines.join('\n')
}

/** Length of what all names share, up to and with its last underscore; a single name loses its first word. */
function commonPrefix(names: string[]): number {
  const [first = ''] = names
  let length = names.length === 1 ? first.indexOf('_') + 1 : first.length
  while (length > 0 && !(first[length - 1] === '_' && names.every((name) => name.startsWith(first.slice(0, length))))) {
    length--
  }
  return length
}

function emitStruct({ name, size, fields }: StructShape): string {
  const type = pascal(name)
  const visible = fields.filter((field) => !isPadding(field))
  return [
    '',
    `export interface ${type} {`,
    ...visible.map((field) => `  ${camel(field.name)}: ${typeText(field)}`),
    '}',
    `export const ${camel(name)}Codec: Codec<${type}> = {`,
    `  size: ${size},`,
    '  encode(view, at, value) {',
    ...fields.flatMap(encodeText),
    '  },',
    '  decode(view, at) {',
    '    return {',
    ...visible.map((field) => `      ${camel(field.name)}: ${decodeText(field)},`),
    '    }',
    '  },',
    '}',
  ].join('\n')
}

/** A struct that holds arrays of structs is read at places, not as a whole. */
function isTable({ fields }: StructShape): boolean {
  return fields.some(({ type }) => type.kind === 'structs')
}

/** Where each member is; of an array where it begins and how far its elements are apart. */
function emitTable({ name, size, fields }: StructShape): string {
  const members = fields.filter((field) => !isPadding(field))
  return [
    '',
    `export const ${camel(name)}Layout = {`,
    `  size: ${size},`,
    ...members.map(
      ({ name: member, offset, type }) => `  ${camel(member)}: { offset: ${offset}${elementsText(type)} },`,
    ),
    '} as const',
  ].join('\n')
}

function elementsText(type: FieldType): string {
  switch (type.kind) {
    case 'structs':
      return `, stride: ${type.bytes}, count: ${type.count}`
    case 'integers':
      return `, stride: ${type.element.bytes}, count: ${type.count}`
    default:
      return ''
  }
}

function isPadding(field: Field): boolean {
  return /^(reserved|pad)\d*$/.test(field.name)
}

function typeText({ name, type }: Field): string {
  switch (type.kind) {
    case 'integer':
      return isBigint(name, type) ? 'bigint' : 'number'
    case 'bytes':
      return 'Uint8Array'
    case 'integers':
      return `[${Array.from({ length: type.count }, () => (isBigint(name, type.element) ? 'bigint' : 'number')).join(', ')}]`
    case 'struct':
      return pascal(type.name)
    case 'structs':
      throw new Error(`${name}: a table has no codec`)
  }
}

function isBigint(name: string, type: FieldType & { kind: 'integer' }): boolean {
  return type.bytes === 8 && !FITS_NUMBER.test(name)
}

function encodeText(field: Field): string[] {
  const { type, offset } = field
  const padding = isPadding(field)
  const value = `value.${camel(field.name)}`
  switch (type.kind) {
    case 'integer':
      return [`    ${setText(field.name, type, offset, padding ? undefined : value)}`]
    case 'bytes':
      return [
        `    setBytes(view, ${at(offset)}, ${type.length}, ${padding ? `new Uint8Array(${type.length})` : value})`,
      ]
    case 'integers':
      return Array.from({ length: type.count }, (_, index) => {
        const element = padding ? undefined : `${value}[${index}]`
        return `    ${setText(field.name, type.element, offset + index * type.element.bytes, element)}`
      })
    case 'struct':
      return [`    ${camel(type.name)}Codec.encode(view, ${at(offset)}, ${value})`]
    case 'structs':
      throw new Error(`${field.name}: a table has no codec`)
  }
}

function decodeText({ name, type, offset }: Field): string {
  switch (type.kind) {
    case 'integer':
      return getText(name, type, offset)
    case 'bytes':
      return `getBytes(view, ${at(offset)}, ${type.length})`
    case 'integers':
      return `[${Array.from({ length: type.count }, (_, index) =>
        getText(name, type.element, offset + index * type.element.bytes),
      ).join(', ')}]`
    case 'struct':
      return `${camel(type.name)}Codec.decode(view, ${at(offset)})`
    case 'structs':
      throw new Error(`${name}: a table has no codec`)
  }
}

function setText(name: string, type: FieldType & { kind: 'integer' }, offset: number, value?: string): string {
  if (type.bytes === 1) return `view.set${accessor(type)}(${at(offset)}, ${value ?? '0'})`
  if (type.bytes === 8 && !isBigint(name, type) && !type.bigEndian)
    return `setCount(view, ${at(offset)}, ${value ?? '0'})`
  const zero = type.bytes === 8 ? '0n' : '0'
  return `view.set${accessor(type)}(${at(offset)}, ${value ?? zero}, ${!type.bigEndian})`
}

function getText(name: string, type: FieldType & { kind: 'integer' }, offset: number): string {
  if (type.bytes === 1) return `view.get${accessor(type)}(${at(offset)})`
  if (type.bytes === 8 && !isBigint(name, type) && !type.bigEndian) return `getCount(view, ${at(offset)})`
  return `view.get${accessor(type)}(${at(offset)}, ${!type.bigEndian})`
}

function accessor(type: FieldType & { kind: 'integer' }): string {
  return `${type.bytes === 8 ? 'Big' : ''}${type.signed ? 'Int' : 'Uint'}${type.bytes * 8}`
}

function at(offset: number): string {
  return offset === 0 ? 'at' : `at + ${offset}`
}

function emitMaps(maps: MapShape[], tables: ReadonlySet<string>): string {
  const lines = maps.map((map) => `  ${camel(map.name)}: ${mapText(map, tables)},`)
  return ['', 'export const maps = {', ...lines, '}', ''].join('\n')
}

function emitDescriptions(descriptions: Record<string, Description>): string {
  return [
    '/** What is laid out in each map. Kept beside the pinned maps, and compared by the next build that loads. */',
    'export const laidOut: Readonly<Record<string, LaidOut>> = {',
    ...Object.entries(descriptions).map(([name, description]) => `  ${name}: ${JSON.stringify(description)},`),
    '}',
    '',
  ].join('\n')
}

function mapText(map: MapShape, tables: ReadonlySet<string>): string {
  const shape =
    `name: '${map.name}', type: ${map.type}, keySize: ${map.keySize}, valueSize: ${map.valueSize}, ` +
    `maxEntries: ${map.maxEntries}, flags: ${map.flags}`
  const key = codecOf(map.key)
  const value = map.value?.kind === 'struct' && tables.has(map.value.name) ? undefined : codecOf(map.value)
  if (map.inner !== undefined && key !== undefined) {
    return `{ ${shape}, key: ${key.codec}, inner: ${mapText(map.inner, tables)} } satisfies OuterMapLayout`
  }
  if (key === undefined || value === undefined) return `{ ${shape} } satisfies MapShape`
  return `{ ${shape}, key: ${key.codec}, value: ${value.codec} } satisfies MapLayout<${key.type}, ${value.type}>`
}

function codecOf(type: FieldType | undefined): { codec: string; type: string } | undefined {
  if (type?.kind === 'struct') return { codec: `${camel(type.name)}Codec`, type: pascal(type.name) }
  if (type?.kind === 'integer' && type.bytes === 4 && !type.bigEndian) return { codec: 'u32Codec', type: 'number' }
  if (type?.kind === 'integer' && type.bytes === 8 && !type.bigEndian) return { codec: 'u64Codec', type: 'bigint' }
  return undefined
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function pascal(name: string): string {
  const text = camel(name)
  return text[0]!.toUpperCase() + text.slice(1)
}
