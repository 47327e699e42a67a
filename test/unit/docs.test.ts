import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { GENERATED_FILES, regenerated } from '../../scripts/docs/blocks.ts'
import { fileText, JSON_SCHEMA_FILES, keysOf } from '../../scripts/docs/json-schemas.ts'
import { parseConfig } from '../../src/config/load.ts'
import { DropReason, dropReasonNames, maps } from '../../src/dataplane/generated/layouts.ts'
import { readManifest } from '../../src/store/manifests/read-manifest.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const found = (text: string, pattern: RegExp): string[] =>
  [...new Set([...text.matchAll(pattern)].map(([, name]) => name!))].sort()

it('docs/errors.md explains every error code, and none that does not exist', () => {
  expect(found(read('docs/errors.md'), /^\| `(ERR_[A-Z_]+)`/gm)).toEqual(
    found(read('src/errors/errors.ts'), /'(ERR_[A-Z_]+)'/g),
  )
})

it('docs/problems.md explains every reason of a problem, and none that does not exist', () => {
  expect(found(read('docs/problems.md'), /^\| `(\w+)`/gm)).toEqual(
    found(read('src/problems/problem.ts'), /^ {2}\| '(\w+)'/gm),
  )
})

it('docs/maps.md lists every map', () => {
  const listed = found(read('docs/maps.md'), /`([a-z_]+)`/g)
  for (const { name } of Object.values(maps)) expect(listed).toContain(name)
})

it('docs/packet-flow.md names every reason for which a packet is dropped', () => {
  const named = found(read('docs/packet-flow.md'), /`(DROP_[A-Z0-9_]+)`/g)
  const reasons = Object.keys(DropReason).filter((name) => name !== 'DROP_NONE' && name !== 'DROP_REASONS')
  expect(reasons.filter((name) => !named.includes(name))).toEqual([])
})

it('docs/troubleshooting.md has meaning and remedy of every drop reason, and of none that does not exist', () => {
  const rows = [
    ...read('docs/troubleshooting.md').matchAll(/^\| `([a-z0-9_]+)` \| (out|in|both) \| [^|]+ \| [^|]+ \|$/gm),
  ]
  const reasons = Object.entries(DropReason).filter(([name]) => name !== 'DROP_NONE' && name !== 'DROP_REASONS')
  expect(rows.map(([, name]) => name).sort()).toEqual(reasons.map(([, value]) => dropReasonNames[value]).sort())
})

it('the examples are a valid configuration and valid manifests', () => {
  expect(parseConfig(read('examples/gateway.yaml'), '/examples/gateway.yaml').warnings).toEqual([])
  for (const name of ['network-sample.yaml', 'natgateway-sample.yaml']) {
    const { text } = readManifest(name, Buffer.from(read(`examples/manifests/${name}`)))
    expect('entries' in text && text.entries.every(({ object }) => object !== undefined)).toBe(true)
  }
})

it.each(['README.md', 'docs/configuration.md', 'docs/topologies.md'])(
  '%s: every gateway.yaml that it shows is a valid configuration',
  (page) => {
    const blocks = [...read(page).matchAll(/^( *)```yaml\n *# gateway\.yaml\n([^]*?)```/gm)]
    if (page === 'docs/topologies.md') expect(blocks.length).toBe(read(page).match(/^## /gm)?.length)
    for (const [, indent = '', block = ''] of blocks) {
      const text = block.replaceAll(new RegExp(`^${indent}`, 'gm'), '')
      expect(parseConfig(text, '/etc/natgw/gateway.yaml').warnings).toEqual([])
    }
  },
)

it.each(GENERATED_FILES)(
  'the generated parts of docs/%s are what the code says (npm run generate:docs)',
  async (file) => {
    const text = read(`docs/${file}`)
    expect(text).toBe(await regenerated(file, text))
  },
)

describe.each(Object.entries(JSON_SCHEMA_FILES))('docs/reference/%s', (file, schemaOf) => {
  it('is what the schema says (npm run generate:docs)', () => {
    expect(read(`docs/reference/${file}`)).toBe(fileText(schemaOf()))
  })

  it('says of every key what it means, what it may be, and of the configuration its default', () => {
    const keys = keysOf(schemaOf())
    expect(keys.length).toBeGreaterThan(0)
    for (const { path, schema, required } of keys) {
      const { description, type, title, const: constant, enum: values, minimum, maximum } = schema
      const isBounded = type !== 'integer' || (minimum !== undefined && maximum !== undefined)
      const hasDefault =
        schema.default !== undefined || schema['x-default'] !== undefined || !file.startsWith('gateway.')
      expect([path, description !== undefined, isBounded, required || hasDefault]).toEqual([path, true, true, true])
      expect([path, title ?? constant ?? values ?? (type === 'boolean' || undefined)]).not.toEqual([path, undefined])
    }
  })
})

it('every file that docs and README name in src, bpf, scripts, deploy or docs is there', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'docs/cli.md',
    'docs/configuration.md',
    'docs/architecture.md',
    'docs/maps.md',
    'docs/troubleshooting.md',
    'docs/topologies.md',
    'docs/compatibility.md',
    'docs/threat-model.md',
    'docs/operations.md',
  ]
  for (const page of pages) {
    const named = found(read(page), /`((?:src|bpf|scripts|deploy|docs|test)\/[\w./-]+)`/g)
    expect([page, ...named.filter((path) => !existsSync(new URL(`../../${path}`, import.meta.url)))]).toEqual([page])
  }
})

it('package.json, README and scripts/setup name one Node that is enough to build, and one that the build brings', () => {
  const { engines, optionalDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  const least = engines!['node']!.replace('>=', '')
  const [pinned] = Object.values(optionalDependencies!).map((version) => version.split('.')[0]!)
  expect(read('README.md')).toContain(`Any Node ≥ ${least} with npm will do`)
  expect(read('README.md')).toContain(`the build brings the Node ${pinned}`)
  expect(read('scripts/setup')).toContain(`install Node ${least} or newer with npm`)
})
