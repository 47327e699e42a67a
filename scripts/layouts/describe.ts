// What is really laid out in each map, for src/dataplane/compatibility.ts: fields by place and encoding, and what the
// values of their enums mean. BTF does not say which enum a field of plain integer type holds; comments of the headers do, by
// naming `enum x`.
import { enumsNamedIn } from './comments.ts'
import type { EnumShape, FieldType, MapShape, StructShape } from './shapes.ts'

export interface Description {
  type: number
  keySize: number
  valueSize: number
  flags: number
  /** Of an inner map only: arrays of one map of maps have one length. */
  maxEntries?: number
  /** enum layout_versions: raised when what is in the map changes its meaning, but not its layout. */
  version: number
  /** `<part> <offset> <encoding> <name>`, without what is reserved. */
  contents: string[]
  meanings: Record<string, Record<string, number>>
  inner?: Description
}

export function describeMaps(
  maps: MapShape[],
  structs: StructShape[],
  enums: EnumShape[],
  headers: string,
): Record<string, Description> {
  const enumsNamed = enumsNamedIn(headers)
  const structOf = new Map(structs.map((struct) => [struct.name, struct]))
  const enumOf = new Map(enums.map((shape) => [shape.name, shape]))
  const versions = new Map(enumOf.get('layout_versions')?.values.map(({ name, value }) => [name, value]))

  function describe(map: MapShape, definition: string): Description {
    const inside = new Set(map.structs.flatMap(([, name]) => nested(name)))
    const enumNames = new Set(enumsNamed.get(definition))
    for (const name of inside) for (const found of enumsNamed.get(name) ?? []) enumNames.add(found)
    // A set grows while it is walked: enums name others too.
    for (const name of enumNames) for (const found of enumsNamed.get(name) ?? []) enumNames.add(found)
    return {
      type: map.type,
      keySize: map.keySize,
      valueSize: map.valueSize,
      flags: map.flags,
      version: versions.get(`LAYOUT_${definition.toUpperCase()}`) ?? 1,
      contents: [
        ...map.contents,
        ...map.structs.filter(([part, name]) => part === name).flatMap(([, name]) => flatten(name, name, '', 0)),
      ].filter((line) => !/ (.*\.)?(reserved|pad)\d*$/.test(line)),
      meanings: Object.fromEntries(
        [...enumNames]
          .filter((name) => enumOf.has(name))
          .sort()
          .map((name) => [name, meaningsOf(enumOf.get(name)!)]),
      ),
      ...(map.inner === undefined
        ? {}
        : { inner: { ...describe(map.inner, map.inner.name), maxEntries: map.inner.maxEntries } }),
    }
  }

  function nested(name: string): string[] {
    const fields = structOf.get(name)?.fields ?? []
    return [name, ...fields.flatMap(({ type }) => (type.kind === 'struct' ? nested(type.name) : []))]
  }

  function flatten(part: string, name: string, prefix: string, start: number): string[] {
    return structOf
      .get(name)!
      .fields.flatMap(({ name: field, offset, type }) =>
        type.kind === 'struct'
          ? flatten(part, type.name, `${prefix}${field}.`, start + offset)
          : [`${part} ${start + offset} ${encodingOf(type)} ${prefix}${field}`],
      )
  }

  return Object.fromEntries(maps.map((map) => [map.name, describe(map, map.name)]))
}

/** The last enumerator of many enums says how many there are. */
function meaningsOf({ name, values }: EnumShape): Record<string, number> {
  const kept = values.filter((entry) => entry.name !== `${name.toUpperCase()}S`)
  return Object.fromEntries(kept.map((entry) => [entry.name, entry.value]))
}

function encodingOf(type: Exclude<FieldType, { kind: 'struct' }>): string {
  switch (type.kind) {
    case 'integer':
      return `${type.bigEndian ? 'be' : type.signed ? 's' : 'u'}${type.bytes * 8}`
    case 'integers':
      return `${encodingOf(type.element)}[${type.count}]`
    case 'bytes':
      return `u8[${type.length}]`
    case 'structs':
      return `u${type.bytes * 8}[${type.count}]`
  }
}
