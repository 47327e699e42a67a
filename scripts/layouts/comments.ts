// Which enums a C definition names, in itself and in the comment before it.

/** By name of the struct, enum or variable that is defined: names of enums. */
export function enumsNamedIn(header: string): Map<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>()
  const definition = /((?:\/\*(?:[^*]|\*(?!\/))*\*\/\s*)?)^(?:struct|enum) (\w+ )?\{\n(.*?)^\}\s*(\w+)?[^;\n]*;/gms
  for (const [, comment = '', tag, body = '', variable] of header.matchAll(definition)) {
    const name = variable ?? tag?.trim()
    if (name === undefined) continue
    found.set(name, new Set([...(comment + body).matchAll(/\benum (\w+)/g)].map(([, word]) => word!)))
  }
  return found
}
