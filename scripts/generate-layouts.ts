// Writes src/dataplane/generated/layouts.ts from the BPF object's BTF; with --check only says whether it is up to date.
//   node scripts/generate-layouts.ts [--check] [--object build/bpf/natgw.bpf.o] [--output <file>]
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseBtf } from './layouts/btf.ts'
import { describeMaps } from './layouts/describe.ts'
import { parseElf } from './layouts/elf.ts'
import type { Layouts } from './layouts/emit.ts'
import { emit } from './layouts/emit.ts'
import { Shapes } from './layouts/shapes.ts'

const root = join(import.meta.dirname, '..')
const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    object: { type: 'string', default: join(root, 'build/bpf/natgw.bpf.o') },
    header: { type: 'string', default: join(root, 'bpf/types.h') },
    maps: { type: 'string', default: join(root, 'bpf/maps.h') },
    output: { type: 'string', default: join(root, 'src/dataplane/generated/layouts.ts') },
  },
})

/** BTF does not say which file a type is from. The header types.h does: all of its types cross to user space. */
function readLayouts(objectPath: string, headerPath: string, mapsPath: string): Layouts {
  const header = readFileSync(headerPath, 'utf8')
  const names = (keyword: string) =>
    [...header.matchAll(new RegExp(`^${keyword} (\\w+) \\{`, 'gm'))].map(([, name]) => name ?? '')
  const elf = parseElf(readFileSync(objectPath))
  const section = elf.section('.BTF')
  if (section === undefined) throw new Error(`${objectPath} has no .BTF section: it was compiled without -g`)
  const structNames = names('struct')
  const shapes = new Shapes(parseBtf(section, elf.littleEndian), new Set(structNames))
  const structs = structNames.map((name) => shapes.struct(name))
  const enums = names('enum').map((name) => shapes.enumeration(name))
  const maps = shapes.maps()
  const descriptions = describeMaps(maps, structs, enums, header + readFileSync(mapsPath, 'utf8'))
  return { structs, enums, maps, descriptions }
}

function firstDifference(expected: string, found: string): string {
  const want = expected.split('\n')
  const have = found.split('\n')
  const line = want.findIndex((text, index) => text !== have[index])
  return `line ${line + 1}\n  should be: ${want[line] ?? '(nothing)'}\n  is:        ${have[line] ?? '(nothing)'}`
}

const text = emit(readLayouts(options.object, options.header, options.maps))
if (!options.check) {
  writeFileSync(options.output, text)
} else {
  let found = ''
  try {
    found = readFileSync(options.output, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  if (found !== text) {
    console.error(`${options.output} does not match ${options.object}, first at ${firstDifference(text, found)}`)
    console.error('run `npm run generate` and commit the result with the change to bpf/types.h')
    process.exitCode = 1
  }
}
