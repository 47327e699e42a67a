// The parts of docs/ that are generated from code, between `<!-- generated: NAME -->` and `<!-- end -->`.
import type { ManifestKind } from '../../src/api/index.ts'
import { KINDS, NAT_GATEWAY, NETWORK_INTERFACE } from '../../src/api/index.ts'
import { JSON_SCHEMAS } from '../../src/cli/json-schemas.ts'
import { call } from './command-line.ts'
import { jsonTable } from './json-fields.ts'
import { gatewayJsonSchema, manifestJsonSchema } from './json-schemas.ts'
import { keysTable } from './keys-table.ts'
import { mapSizes } from './map-sizes.ts'

/** By file in docs/ and name of the block. */
const BLOCKS: Record<string, Record<string, () => string | Promise<string>>> = {
  'cli.md': {
    ...Object.fromEntries(
      ['run', 'check', 'load-bpf', 'detach', 'unload', 'status', 'slices', 'sessions', 'drops'].map((command) => [
        `natgw ${command}`,
        () => help(command),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(JSON_SCHEMAS).map(([command, schema]) => [`json ${command}`, () => jsonTable(schema)]),
    ),
  },
  'configuration.md': { keys: () => keysTable(gatewayJsonSchema()) },
  'resources.md': Object.fromEntries(
    [NETWORK_INTERFACE, NAT_GATEWAY].map((kind) => [`fields ${KINDS[kind].kind}`, () => fieldsTable(kind)]),
  ),
  'maps.md': { sizes: mapSizes },
}

export const GENERATED_FILES = Object.keys(BLOCKS)

/** @returns the text with every generated block as the code says it. @throws Error for a block that is unknown or absent */
export async function regenerated(file: string, text: string): Promise<string> {
  const blocks = BLOCKS[file] ?? {}
  const parts = text.split(/<!-- generated: (.+?) -->\n[^]*?<!-- end -->/)
  const names = parts.filter((_, i) => i % 2 === 1)
  const absent = Object.keys(blocks).filter((name) => !names.includes(name))
  if (absent.length > 0) throw new Error(`docs/${file} lacks <!-- generated: ${absent[0]} -->`)
  const made = parts.map(async (part, i) => {
    if (i % 2 === 0) return part
    const make = blocks[part]
    if (make === undefined) throw new Error(`docs/${file}: nothing makes the block "${part}"`)
    return `<!-- generated: ${part} -->\n\n${await make()}\n\n<!-- end -->`
  })
  return (await Promise.all(made)).join('')
}

async function help(command: string): Promise<string> {
  return `\`\`\`\n${await call([command, '--help'])}\n\`\`\``
}

function fieldsTable(kind: ManifestKind): string {
  return keysTable({ properties: { spec: manifestJsonSchema(kind).properties?.['spec'] ?? {} }, required: ['spec'] })
}
