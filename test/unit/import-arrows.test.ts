import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'
import { arrows } from '../../scripts/import-arrows.ts'

const IMPORT = /(?:from |import\(|new URL\()'(\.[^']+)'/g

/** Files of ours → those that each imports. */
const imports = new Map(
  globSync('src/**/*.ts').map((file) => [
    file,
    [...readFileSync(file, 'utf8').matchAll(IMPORT)].map(([, to = '']) => normalize(join(dirname(file), to))),
  ]),
)
const roomOf = (file: string): string => file.split('/')[1] ?? ''

/** @returns the files of a circle, or nothing when there is none */
function circle(edges: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>()
  const path: string[] = []
  const visit = (file: string): string[] => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    path.push(file)
    for (const to of edges.get(file) ?? []) {
      const found = visit(to)
      if (found.length > 0) return found
    }
    path.pop()
    done.add(file)
    return []
  }
  return [...edges.keys()].map(visit).find((found) => found.length > 0) ?? []
}

describe('the arrows between rooms', () => {
  it('name every room of src/', () => {
    expect(Object.keys(arrows).sort()).toEqual([...new Set([...imports.keys()].map(roomOf))].sort())
  })

  it('are all used', () => {
    const used = new Set([...imports].flatMap(([file, all]) => all.map((to) => `${roomOf(file)} → ${roomOf(to)}`)))
    const listed = Object.entries(arrows).flatMap(([from, all]) => all.map((to) => `${from} → ${to}`))
    expect(listed.filter((arrow) => !used.has(arrow))).toEqual([])
  })

  it('point one way: a room is listed below those it imports', () => {
    const order = Object.keys(arrows)
    const upward = Object.entries(arrows).flatMap(([from, all]) =>
      all.filter((to) => order.indexOf(to) >= order.indexOf(from)).map((to) => `${from} → ${to}`),
    )
    expect(upward).toEqual([])
  })

  it('make no circle of files', () => {
    expect(circle(imports)).toEqual([])
  })

  it('would show a circle', () => {
    const edges = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['b']],
    ])
    expect(circle(edges)).toEqual(['b', 'c', 'b'])
  })
})
