import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NETWORK } from '../../../src/api/index.ts'
import { ManifestParser } from '../../../src/store/manifests/parser.ts'
import { eventually, FollowedFolder, networkText } from './manifest-folder.ts'

vi.setConfig({ testTimeout: 30_000 })

/** Large enough for a thread of its own, several times over. */
const COUNT = 2_000

let folder: FollowedFolder

beforeEach(async () => {
  folder = await FollowedFolder.make()
})
afterEach(() => folder.remove())

const names = Array.from({ length: COUNT }, (_, i) => `n${i}`)
const documents = names.map((name) => networkText(name))
const item = (text: string) => `- ${text.trimEnd().replaceAll('\n', '\n  ')}\n`
const list = `apiVersion: v1\nkind: List\nitems:\n${names.map((name) => item(networkText(name))).join('')}`

/** How often others have their turn until something is so. */
async function turnsUntil(done: () => boolean): Promise<number> {
  let turns = 0
  for (; !done(); turns++) await new Promise((resolve) => setTimeout(resolve, 1))
  return turns
}

describe('a manifest of thousands of objects', () => {
  it.each([
    ['documents', documents.join('---\n'), `---\n${networkText('new')}`],
    ['a List', list, item(networkText('new'))],
  ])('is read, and read again, while others have their turn: %s', async (_, text, more) => {
    await writeFile(folder.path('a.yaml'), text)
    let opened = false
    const opening = folder.open().then(() => (opened = true))
    expect(await turnsUntil(() => opened)).toBeGreaterThan(20)
    await opening
    expect(folder.names()).toHaveLength(COUNT)
    const before = folder.store!.list(NETWORK)
    await appendFile(folder.path('a.yaml'), more)
    expect(await turnsUntil(() => folder.names().includes('new'))).toBeGreaterThan(5)
    const after = new Set(folder.store!.list(NETWORK))
    expect(before.filter((object) => !after.has(object))).toEqual([])
    expect(folder.problems()).toEqual([])
  })

  it('tells the line of a mistake, also when lines were put before it', async () => {
    const middle = COUNT / 2
    await folder.put('a.yaml', ...documents.with(middle, networkText('Bad')))
    await folder.open()
    const line = middle * 4 + 3
    const bad = (at: number) => [expect.stringMatching(`^a\\.yaml:${at}: .*metadata\\.name: "Bad" is not`) as string]
    expect(folder.problems()).toEqual(bad(line))
    const text = await readFile(folder.path('a.yaml'), 'utf8')
    await writeFile(folder.path('a.yaml'), `# one line\n# and another\n---\n${text}`)
    await eventually(() => expect(folder.problems()).toEqual(bad(line + 3)))
    await writeFile(folder.path('a.yaml'), text.replace('{name: Bad}', '{name: good, colour: red}'))
    await eventually(() => expect(folder.problems()).toEqual([expect.stringMatching(`^a\\.yaml:${line}: .*colour`)]))
  })

  it('that takes too much memory is refused, and the process goes on', async () => {
    const parser = new ManifestParser(() => undefined, 32)
    const parse = async (text: string) => (await parser.parse('a.yaml', new TextEncoder().encode(text), new Map())).text
    const message = expect.stringMatching(/^cannot be read: Worker terminated due to reaching memory limit/) as string
    expect(await parse(`a: [${'[0],'.repeat(200_000)}]\n`)).toEqual({
      problem: expect.objectContaining({ code: 'ERR_MANIFEST_LIMIT', file: 'a.yaml', message }) as unknown,
    })
    expect(await parse(documents.slice(0, 200).join('---\n'))).toMatchObject({ entries: { length: 200 } })
    await parser.close()
  })
})
