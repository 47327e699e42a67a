import type { Schema } from '../../src/cli/json-schemas.ts'

/** One row a field: path, type, meaning. */
function fieldsOf(schema: Schema, path = ''): { path: string; type: string; meaning: string }[] {
  const own =
    schema.description === '' || path === '' ? [] : [{ path, type: typeOf(schema), meaning: schema.description }]
  const below = Object.entries(schema.properties ?? {}).flatMap(([key, each]) =>
    fieldsOf(each, path === '' ? key : `${path}.${key}`),
  )
  const items = schema.items === undefined ? [] : fieldsOf(schema.items, `${path}[]`)
  return [...own, ...items, ...below]
}

export function typeOf({ type, optional: isOptional, enum: values }: Schema): string {
  const what = values === undefined ? type : values.map((value) => `\`${value}\``).join(', ')
  return isOptional === true ? `${what}, or absent` : what
}

/** A table of a schema's fields. */
export function jsonTable(schema: Schema): string {
  const rows = fieldsOf(schema).map(({ path, type, meaning }) => `| \`${path}\` | ${type} | ${meaning} |`)
  return ['| field | type | meaning |', '|---|---|---|', ...rows].join('\n')
}
