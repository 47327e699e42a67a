// Which enums and structs a C definition names, in itself and in the comment before it.

export interface Named {
  enums: Set<string>
  structs: Set<string>
}

/** By name of the struct, enum or variable that is defined. */
export function commentsOf(header: string): Map<string, Named> {
  const found = new Map<string, Named>()
  const definition = /((?:\/\*(?:[^*]|\*(?!\/))*\*\/\s*)?)^(?:struct|enum) (\w+ )?\{\n(.*?)^\}\s*(\w+)?[^;\n]*;/gms
  for (const [, comment = '', tag, body = '', variable] of header.matchAll(definition)) {
    const name = variable ?? tag?.trim()
    if (name === undefined) continue
    const text = comment + body
    const names = (keyword: string): Set<string> =>
      new Set([...text.matchAll(new RegExp(`\\b${keyword} (\\w+)`, 'g'))].map(([, word]) => word!))
    found.set(name, { enums: names('enum'), structs: names('struct') })
  }
  return found
}
