// BTF → structs, enums and maps for user space. Refuses every type that a codec could get wrong.
import type { BtfType } from './btf.ts'

export type FieldType =
  | { kind: 'integer'; bytes: 1 | 2 | 4 | 8; signed: boolean; bigEndian: boolean }
  | { kind: 'bytes'; length: number }
  | { kind: 'integers'; element: FieldType & { kind: 'integer' }; count: number }
  | { kind: 'struct'; name: string }
  | { kind: 'structs'; name: string; bytes: number; count: number }

export interface Field {
  name: string
  /** Bytes. */
  offset: number
  type: FieldType
}

export interface StructShape {
  name: string
  size: number
  fields: Field[]
}

export interface EnumShape {
  name: string
  values: { name: string; value: number }[]
}

export interface MapShape {
  name: string
  type: number
  keySize: number
  valueSize: number
  maxEntries: number
  flags: number
  /** Name of a struct of types.h, or an integer; absent where user space does not read the contents. */
  key?: FieldType
  value?: FieldType
  inner?: MapShape
  /** Key and value down to their integers, for maps private to BPF too: `<part> <offset> <encoding> <name>`. */
  contents: string[]
  /** Structs that key and value are, by part, and those that they hold arrays of, each a part of its own. */
  structs: [string, string][]
}

const INTEGER_BYTES = [1, 2, 4, 8]

/** Inner map → the struct that its values are. The map's definition cannot say it: see struct slot_block in bpf/maps.h. */
const INNER_VALUES: Readonly<Record<string, string>> = { slot_block: 'slot_group' }

export class Shapes {
  readonly #types: BtfType[]
  readonly #public: ReadonlySet<string>

  /** @param publicStructs names of the structs of types.h: only these get codecs */
  constructor(types: BtfType[], publicStructs: ReadonlySet<string>) {
    this.#types = types
    this.#public = publicStructs
  }

  struct(name: string): StructShape {
    const type = this.#types.find((candidate) => candidate.kind === 'struct' && candidate.name === name)
    if (type?.kind !== 'struct') throw new Error(`struct ${name} of types.h is not in the BTF: ${keepAdvice}`)
    let end = 0
    const fields = type.members.map((member): Field => {
      const where = `struct ${name}, field ${member.name || '(anonymous)'}`
      if (member.bits !== 0 || member.bitOffset % 8 !== 0) throw new Error(`${where}: bitfields have no codec`)
      const offset = member.bitOffset / 8
      if (offset !== end) throw new Error(`${where}: ${offset - end} bytes of implicit padding before it; name them`)
      const fieldType = this.#fieldType(member.type, where)
      end = offset + this.#sizeOf(member.type)
      return { name: member.name, offset, type: fieldType }
    })
    if (end !== type.size) throw new Error(`struct ${name}: ${type.size - end} bytes of implicit padding at its end`)
    return { name, size: type.size, fields }
  }

  enumeration(name: string): EnumShape {
    const type = this.#types.find((candidate) => candidate.kind === 'enum' && candidate.name === name)
    if (type?.kind !== 'enum') throw new Error(`enum ${name} of types.h is not in the BTF: ${keepAdvice}`)
    return { name, values: type.values }
  }

  /** Every map of the object's `.maps` section, in the order of their names. */
  maps(): MapShape[] {
    const section = this.#types.find((type) => type.kind === 'section' && type.name === '.maps')
    if (section?.kind !== 'section') throw new Error('no .maps section in the BTF')
    return section.variables
      .map((id) => {
        const variable = this.#at(id)
        if (variable.kind !== 'variable') throw new Error('.maps holds something other than variables')
        return this.#map(variable.name, variable.type)
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #map(name: string, id: number): MapShape {
    const definition = this.#resolve(id)
    if (definition.kind !== 'struct') throw new Error(`map ${name}: its definition is not a struct`)
    const shape: MapShape = {
      name,
      type: 0,
      keySize: 0,
      valueSize: 0,
      maxEntries: 0,
      flags: 0,
      contents: [],
      structs: [],
    }
    for (const member of definition.members) {
      if (member.name === 'values') {
        const values = this.#resolve(member.type)
        if (values.kind !== 'array') throw new Error(`map ${name}: values is not an array`)
        shape.inner = this.#inner(name, this.#pointee(values.element))
        shape.valueSize = 4
        continue
      }
      const target = this.#pointee(member.type)
      const type = this.#resolve(target)
      if (member.name === 'key' || member.name === 'value') {
        const size = this.#sizeOf(target)
        if (member.name === 'key') shape.keySize = size
        else shape.valueSize = size
        shape.contents.push(...this.#contents(member.name, target, '', 0))
        if (type.kind === 'struct') shape.structs.push([member.name, type.name], ...this.#elementStructs(target))
        const usable = this.#publicType(target)
        if (usable !== undefined) shape[member.name] = usable
      } else if (type.kind === 'array') {
        if (member.name === 'type') shape.type = type.count
        else if (member.name === 'max_entries') shape.maxEntries = type.count
        else if (member.name === 'map_flags') shape.flags = type.count
        else if (member.name === 'key_size') shape.keySize = type.count
        else if (member.name === 'value_size') shape.valueSize = type.count
      }
    }
    return shape
  }

  /** The type of a key or value as a codec sees it; undefined for structs that are private to BPF. */
  #publicType(id: number): FieldType | undefined {
    const type = this.#resolve(id)
    if (type.kind === 'struct') return this.#public.has(type.name) ? { kind: 'struct', name: type.name } : undefined
    if (type.kind === 'int' || type.kind === 'enum') return this.#fieldType(id, 'map')
    return undefined
  }

  #fieldType(id: number, where: string): FieldType {
    const type = this.#resolve(id)
    switch (type.kind) {
      case 'int':
      case 'enum': {
        if (!INTEGER_BYTES.includes(type.size)) throw new Error(`${where}: an integer of ${type.size} bytes`)
        const signed = type.kind === 'int' && type.signed
        return { kind: 'integer', bytes: type.size as 1 | 2 | 4 | 8, signed, bigEndian: this.#isBigEndian(id) }
      }
      case 'array': {
        const element = this.#fieldType(type.element, where)
        if (element.kind === 'struct') {
          return { kind: 'structs', name: element.name, bytes: this.#sizeOf(type.element), count: type.count }
        }
        if (element.kind !== 'integer') throw new Error(`${where}: only arrays of integers and structs have a layout`)
        if (element.bytes === 1 && !element.signed) return { kind: 'bytes', length: type.count }
        return { kind: 'integers', element, count: type.count }
      }
      case 'struct':
        if (!this.#public.has(type.name)) throw new Error(`${where}: struct ${type.name} is not in types.h`)
        return { kind: 'struct', name: type.name }
      case 'pointer':
        throw new Error(`${where}: a pointer means nothing in user space`)
      case 'union':
        throw new Error(`${where}: a union has no codec; use one struct per meaning`)
      default:
        throw new Error(`${where}: no codec for ${type.kind}`)
    }
  }

  /** The inner map is known to the headers by the name of its struct. */
  #inner(outer: string, id: number): MapShape {
    const type = this.#resolve(id)
    const shape = this.#map((type.kind === 'struct' && type.name) || `${outer}_inner`, id)
    const value = INNER_VALUES[shape.name]
    if (value === undefined) return shape
    const struct = this.#idOfStruct(value)
    if (this.#sizeOf(struct) !== shape.valueSize) throw new Error(`map ${shape.name}: its value is no struct ${value}`)
    shape.contents.push('key 0 u32 key', ...this.#contents('value', struct, '', 0))
    shape.structs.push(['value', value], ...this.#elementStructs(struct))
    return shape
  }

  #idOfStruct(name: string): number {
    const index = this.#types.findIndex((type) => type.kind === 'struct' && type.name === name)
    if (index < 0) throw new Error(`struct ${name} of types.h is not in the BTF: ${keepAdvice}`)
    return index
  }

  /** Structs that a struct holds arrays of, as [name, name]. */
  #elementStructs(id: number): [string, string][] {
    const type = this.#resolve(id)
    if (type.kind !== 'struct') return []
    return type.members.flatMap((member) => {
      const array = this.#resolve(member.type)
      const element = array.kind === 'array' ? this.#resolve(array.element) : undefined
      return element?.kind === 'struct' ? [[element.name, element.name] as [string, string]] : []
    })
  }

  #contents(part: string, id: number, name: string, offset: number): string[] {
    const type = this.#resolve(id)
    if (type.kind === 'struct' || type.kind === 'union') {
      const prefix = name === '' ? '' : `${name}.`
      return type.members.flatMap((member) =>
        this.#contents(part, member.type, `${prefix}${member.name}`, offset + member.bitOffset / 8),
      )
    }
    return [`${part} ${offset} ${this.#encoding(id)} ${name || part}`]
  }

  #encoding(id: number): string {
    const type = this.#resolve(id)
    if (type.kind === 'array') return `${this.#encoding(type.element)}[${type.count}]`
    if (type.kind === 'struct') return `u${type.size * 8}`
    const sign = this.#isBigEndian(id) ? 'be' : type.kind === 'int' && type.signed ? 's' : 'u'
    return `${sign}${this.#sizeOf(id) * 8}`
  }

  #isBigEndian(id: number): boolean {
    for (let type = this.#at(id); type.kind === 'typedef' || type.kind === 'modifier'; type = this.#at(type.to)) {
      if (type.kind === 'typedef' && /^__be(16|32|64)$/.test(type.name)) return true
    }
    return false
  }

  #sizeOf(id: number): number {
    const type = this.#resolve(id)
    if (type.kind === 'array') return type.count * this.#sizeOf(type.element)
    if (type.kind === 'pointer') return 8
    return 'size' in type ? type.size : 0
  }

  #pointee(id: number): number {
    const type = this.#resolve(id)
    if (type.kind !== 'pointer') throw new Error('a map definition whose member is not a pointer')
    return type.to
  }

  #resolve(id: number): BtfType {
    let type = this.#at(id)
    while (type.kind === 'typedef' || type.kind === 'modifier') type = this.#at(type.to)
    return type
  }

  #at(id: number): BtfType {
    const type = this.#types[id]
    if (type === undefined) throw new Error(`BTF names type ${id}, which it does not have`)
    return type
  }
}

const keepAdvice =
  'clang drops what nothing refers to; declare an unused constant of that type (BTF_KEEP in bpf/maps.h)'
