import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, it } from 'vitest'

/** Where `natgw` is installed by docs/operations.md: the unit file cites pages there. */
const INSTALLED = /^\/\/\/?opt\/natgw\//

const files = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).trim().split('\n')
const searched = files.filter(
  (path) => !/^LICENSES\/|^package-lock\.json$|\.(svg|png)$/.test(path) && !path.endsWith('/citations.test.ts'),
)
const decisions = files.flatMap((path) => /^docs\/decisions\/0*(\d+)-/.exec(path)?.[1] ?? [])

/** A page is cited from the root, from the folder of the file that cites it, or by its name in docs/. */
function pageExists(page: string, from: string): boolean {
  const path = page.replace(INSTALLED, '')
  return [path, join(dirname(from), path), join('docs', path)].some((each) => existsSync(normalize(each)))
}

/** @returns what a file cites that a reader of the repository does not have */
function deadCitations(path: string, text: string): string[] {
  const prose = text.replaceAll(/https?:\/\/\S+/g, '').replaceAll(/\s+(?:(?:\*|\/\/|#) )?/g, ' ')
  const pages = [...prose.matchAll(/[\w./-]*\w\.md\b/g)].filter(([page]) => !pageExists(page, path))
  const sections = [...prose.matchAll(/§ ?[\d.]+/g)].filter(
    ({ index }) => !/\b(RFC|IEEE) [\w.]+[^.;()]*$/.test(prose.slice(Math.max(0, index - 40), index)),
  )
  const numbers = [...prose.matchAll(/\bdecisions? (\d+)\b/gi)].filter(([, number = '']) => !decisions.includes(number))
  return [...pages, ...sections, ...numbers].map(([citation]) => citation)
}

describe('what a file cites', () => {
  it.each(searched)('%s: is in the tree, or in an RFC', (path) => {
    expect(deadCitations(path, readFileSync(path, 'utf8'))).toEqual([])
  })

  it.each([
    ['a page that is not there', 'see design.md'],
    ['a page of another folder', 'see docs/decisions/cli.md'],
    ['a section of no document', 'as §4.5 says'],
    ['a section of another document', 'the lock (design §4.5)'],
    ['a decision that was not taken', 'by decision 999'],
  ])('is missed when it is %s', (_, text) => {
    expect(deadCitations('src/agent/agent.ts', text)).toHaveLength(1)
  })

  it.each(['RFC 7857 §2.2', 'RFC\n * 7857 §2.2', 'IEEE 802.1Q §6.9', 'docs/cli.md', 'problems.md', 'decision 1'])(
    'is found: %j',
    (text) => {
      expect(deadCitations('src/agent/agent.ts', text)).toEqual([])
    },
  )
})
