import type { MapShape } from '../../src/dataplane/codec.ts'
import { maps } from '../../src/dataplane/generated/layouts.ts'
import { SIZED_BY } from '../../src/kernel/loader.ts'

/** enum bpf_map_type, of those in use. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'hash',
  2: 'array',
  6: 'array per CPU',
  11: 'prefixes (LPM trie)',
  12: 'array of maps',
  27: 'ring buffer',
}
const BPF_F_NO_PREALLOC = 1

/** Type, entries and bytes of each map, from the BTF of the programs. */
export function mapSizes(): string {
  const shapes: (MapShape & { inner?: MapShape })[] = Object.values(maps)
  const rows = shapes.flatMap((shape) => [rowOf(shape), ...(shape.inner === undefined ? [] : [rowOf(shape.inner)])])
  return ['| map | type | entries | bytes a key, a value | memory |', '|---|---|---|---|---|', ...rows].join('\n')
}

function rowOf({ name, type, keySize, valueSize, maxEntries, flags }: MapShape): string {
  const what = TYPES[type]
  if (what === undefined) throw new Error(`map ${name}: type ${type} has no name in scripts/docs/map-sizes.ts`)
  const limit = SIZED_BY[name]
  const entries = limit === undefined ? String(maxEntries) : `\`limits.${limit}\``
  const bytes = type === 27 ? '–' : `${keySize}, ${valueSize}`
  return `| \`${name}\` | ${what} | ${entries} | ${bytes} | ${memory()} |`

  function memory(): string {
    if ((flags & BPF_F_NO_PREALLOC) !== 0 || type === 12) return 'on demand'
    if (type === 27) return size(maxEntries)
    if (type === 1) return 'when it is made'
    const value = Math.ceil(valueSize / 8) * 8
    if (limit !== undefined) return `${value} B × \`${limit}\``
    return type === 6 ? `${size(value * maxEntries)} a CPU` : size(value * maxEntries)
  }
}

function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  return bytes < 1024 ** 2 ? `${Math.round(bytes / 1024)} KiB` : `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
