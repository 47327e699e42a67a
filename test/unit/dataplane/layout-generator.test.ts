import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parseBtf } from '../../../scripts/layouts/btf.ts'
import { enumsNamedIn } from '../../../scripts/layouts/comments.ts'
import { describeMaps } from '../../../scripts/layouts/describe.ts'
import { parseElf } from '../../../scripts/layouts/elf.ts'
import { emit } from '../../../scripts/layouts/emit.ts'
import { Shapes } from '../../../scripts/layouts/shapes.ts'

const folder = mkdtempSync(join(tmpdir(), 'natgw-layouts-'))
afterAll(() => {
  rmSync(folder, { recursive: true })
})

const root = new URL('../../..', import.meta.url).pathname
const multiarch = execFileSync('gcc', ['-dumpmachine']).toString().trim()

/** Compiles C, with map macros at hand, to an object with BTF. */
function compile(source: string): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.o`)
  const prelude = '#include <linux/types.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n'
  execFileSync(
    'clang-19',
    ['-g', '-O2', '-target', 'bpf', '-mcpu=v3', `-I/usr/include/${multiarch}`, '-x', 'c', '-c', '-', '-o', path],
    { input: prelude + source, stdio: ['pipe', 'pipe', 'inherit'] },
  )
  return path
}

function shapesOf(source: string, ...structs: string[]): Shapes {
  const elf = parseElf(readFileSync(compile(source)))
  return new Shapes(parseBtf(elf.section('.BTF')!, elf.littleEndian), new Set(structs))
}

/** A struct, kept in the BTF by a map that has it as its value. */
const used = (body: string) => `
  struct inner { __u32 a; };
  union either { __u32 a; __u64 b; };
  struct thing { ${body} };
  ${map('things', 'struct thing', 4)}`
const map = (name: string, value: string, maxEntries: number) => `
  struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, ${maxEntries}); __type(key, __u32); __type(value, ${value}); }
  ${name} SEC(".maps");`

describe('the layout generator', () => {
  it('reads sizes, offsets and byte order from the BTF', () => {
    const shapes = shapesOf(
      used('__u64 id; __be32 address; __be16 port; __u8 mac[6]; __u32 runs[2]; __s32 delta;'),
      'thing',
    )
    expect(shapes.struct('thing')).toEqual({
      name: 'thing',
      size: 32,
      fields: [
        { name: 'id', offset: 0, type: { kind: 'integer', bytes: 8, signed: false, bigEndian: false } },
        { name: 'address', offset: 8, type: { kind: 'integer', bytes: 4, signed: false, bigEndian: true } },
        { name: 'port', offset: 12, type: { kind: 'integer', bytes: 2, signed: false, bigEndian: true } },
        { name: 'mac', offset: 14, type: { kind: 'bytes', length: 6 } },
        {
          name: 'runs',
          offset: 20,
          type: { kind: 'integers', element: { kind: 'integer', bytes: 4, signed: false, bigEndian: false }, count: 2 },
        },
        { name: 'delta', offset: 28, type: { kind: 'integer', bytes: 4, signed: true, bigEndian: false } },
      ],
    })
  })

  it.each([
    ['a bitfield', '__u32 a : 4; __u32 b : 28;', 'field a: bitfields have no codec'],
    ['padding between fields', '__u8 a; __u32 b;', 'field b: 3 bytes of implicit padding before it'],
    ['padding at the end', '__u64 a; __u8 b;', '7 bytes of implicit padding at its end'],
    ['a pointer', 'void *a;', 'field a: a pointer means nothing in user space'],
    ['a union', 'union either a;', 'field a: a union has no codec'],
    ['a struct that stays inside BPF', 'struct inner a;', 'field a: struct inner is not in types.h'],
    ['an array of arrays', '__u32 a[2][2];', 'field a: only arrays of integers and structs have a layout'],
  ])('refuses %s', (_, body, message) => {
    const shapes = shapesOf(used(body), 'thing')
    expect(() => shapes.struct('thing')).toThrow(message)
  })

  it('says how to keep a struct in the BTF that nothing refers to', () => {
    expect(() => shapesOf(used('__u32 a;'), 'thing', 'event').struct('event')).toThrow(
      'struct event of types.h is not in the BTF: clang drops what nothing refers to',
    )
  })

  it('knows maps with their inner maps, and leaves contents that are private to BPF without a codec', () => {
    const shapes = shapesOf(
      `struct thing { __u32 a; };
       struct private { struct bpf_timer timer; };
       struct chunk { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 9); __uint(map_flags, BPF_F_MMAPABLE);
                      __uint(key_size, 4); __uint(value_size, 64); };
       struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 3); __type(key, __u32);
                __array(values, struct chunk); } chunks SEC(".maps");
       ${map('things', 'struct thing', 7)} ${map('secrets', 'struct private', 1)}`,
      'thing',
    )
    expect(shapes.maps()).toMatchObject([
      {
        name: 'chunks',
        type: 12,
        keySize: 4,
        valueSize: 4,
        inner: { type: 2, valueSize: 64, maxEntries: 9, flags: 1024 },
      },
      { name: 'secrets', type: 1, valueSize: 16 },
      { name: 'things', type: 1, keySize: 4, valueSize: 4, maxEntries: 7, value: { kind: 'struct', name: 'thing' } },
    ])
    expect(shapes.maps()[1]).not.toHaveProperty('value')
  })
})

describe('what is laid out in a map', () => {
  const HEADERS = `/* state of a thing */
enum state { STATE_A = 0, STATE_B = 1, STATES = 2 };
struct thing {
	__u32 id;
	__u16 state; /* enum state */
	__u16 reserved;
};
struct group {
	struct thing things[2];
	__u16 ports[4];
	__u64 taken;
};
`
  const shapes = shapesOf(
    `${HEADERS} const enum state *keep __attribute__((unused)); const struct group *keep2 __attribute__((unused));
     struct chunk { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 9); __type(key, __u32); __type(value, struct group); };
     struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 3); __type(key, __u32);
              __array(values, struct chunk); } chunks SEC(".maps");
     ${map('things', 'struct thing', 7)}`,
    'thing',
    'group',
  )
  const structs = [shapes.struct('thing'), shapes.struct('group')]
  const described = describeMaps(shapes.maps(), structs, [shapes.enumeration('state')], HEADERS)

  it('is every field with its place, but no reserved room, and the meaning of the enums that comments name', () => {
    expect(described['things']).toMatchObject({
      keySize: 4,
      valueSize: 8,
      contents: ['key 0 u32 key', 'value 0 u32 id', 'value 4 u16 state'],
      meanings: { state: { STATE_A: 0, STATE_B: 1 } },
    })
    expect(described['things']!.meanings['state']).not.toHaveProperty('STATES')
  })

  it('is a part of its own for each struct that a value holds an array of', () => {
    expect(described['chunks']!.inner).toMatchObject({
      maxEntries: 9,
      contents: [
        'key 0 u32 key',
        'value 0 u64[2] things',
        'value 16 u16[4] ports',
        'value 24 u64 taken',
        'thing 0 u32 id',
        'thing 4 u16 state',
      ],
      meanings: { state: { STATE_A: 0, STATE_B: 1 } },
    })
  })

  it('is read at places where a struct holds arrays of structs', () => {
    const text = emit({ structs, enums: [], maps: shapes.maps(), descriptions: described })
    expect(text).toContain(`export const groupLayout = {
  size: 32,
  things: { offset: 0, stride: 8, count: 2 },
  ports: { offset: 16, stride: 2, count: 4 },
  taken: { offset: 24 },
} as const`)
    expect(text).not.toContain('groupCodec')
  })

  it('of the same headers is the same text', () => {
    const layouts = { structs: [], enums: [], maps: [], descriptions: described }
    expect(emit(layouts)).toBe(emit(layouts))
    expect(enumsNamedIn(HEADERS).get('thing')).toEqual(new Set(['state']))
  })
})

describe('generate-layouts --check', () => {
  const generate = (...options: string[]) =>
    spawnSync(process.execPath, [join(root, 'scripts/generate-layouts.ts'), ...options], { encoding: 'utf8' })

  it('is content with what it wrote, and shows the first line that differs otherwise', () => {
    const header = join(folder, 'types.h')
    const output = join(folder, 'layouts.ts')
    writeFileSync(header, 'struct thing {\n')
    const object = compile(used('__u32 a;'))
    const arguments_ = ['--object', object, '--header', header, '--maps', header, '--output', output]
    expect(generate(...arguments_, '--check').status).toBe(1)
    expect(generate(...arguments_).status).toBe(0)
    expect(generate(...arguments_, '--check')).toMatchObject({ status: 0, stderr: '' })
    writeFileSync(output, readFileSync(output, 'utf8').replace('size: 4', 'size: 8'))
    const stale = generate(...arguments_, '--check')
    expect(stale.status).toBe(1)
    expect(stale.stderr).toContain('should be:   size: 4,')
    expect(stale.stderr).toContain('npm run generate')
  })
})
