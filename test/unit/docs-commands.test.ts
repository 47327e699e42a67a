import { readdirSync, readFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { commandsOf } from '../../src/cli/cli.ts'
import { isolatedEnv } from './cli/call.ts'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const PAGES = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  ...readdirSync(new URL('../../docs', import.meta.url), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

interface DocumentedCommand {
  page: string
  line: string
  /** What stands behind it. */
  comment: string
}

/** Lines of console blocks that begin with a prompt; all others are output. */
const commands = PAGES.flatMap((page): DocumentedCommand[] =>
  [...read(page).matchAll(/^ *```console\n([^]*?)```/gm)].flatMap(([, block = '']) =>
    [...block.matchAll(/^ *[#$] (.*?)(?: {2,}#(.*))?$/gm)].map(([, line = '', comment = '']) => ({
      page,
      line,
      comment,
    })),
  ),
)

const HOST_TEST = 'test/netns/gateway/host.test.ts'
/** Commands of other programs: the file that runs them, and what of it shows that. */
const RUN_ELSEWHERE: [page: string, command: RegExp, file: string, shownBy: string][] = [
  [
    'docs/looking-at-traffic.md',
    /^(ip|ethtool|bpftool|tcpdump) /,
    'test/netns/gateway/looking-at-traffic.test.ts',
    '(natgw|ip|ethtool|bpftool|tcpdump|ls|sysctl) ',
  ],
  [
    'docs/debugging.md',
    /^(ip|bpftool|ls|sysctl) /,
    'test/netns/gateway/looking-at-traffic.test.ts',
    '(natgw|ip|ethtool|bpftool|tcpdump|ls|sysctl) ',
  ],
  ['docs/threat-model.md', /^nft /, 'test/netns/gateway/topologies.test.ts', "read('threat-model.md').matchAll"],
  [
    'docs/topologies.md',
    /^ethtool -K eth0 tx off tso off gso off gro on$/,
    'scripts/lab/lab.ts',
    "'tx', 'off', 'tso', 'off', 'gso', 'off', 'gro', 'on'",
  ],
  [
    'docs/topologies.md',
    /^sysctl -w net.ipv4.ip_local_reserved_ports=/,
    HOST_TEST,
    'sysctl -w net.ipv4.ip_local_reserved_ports=',
  ],
  [
    'docs/configuration.md',
    /^sysctl -w net.ipv4.ip_local_reserved_ports=/,
    HOST_TEST,
    'sysctl -w net.ipv4.ip_local_reserved_ports=',
  ],
  ['docs/configuration.md', /^nft .* masquerade to :50000-60999$/, HOST_TEST, 'masquerade to :50000-60999'],
  [
    'docs/configuration.md',
    /^iptables .* --to-ports 50000-60999$/,
    'test/netns/source-nat.test.ts',
    '-o up0 -p tcp -j MASQUERADE --to-ports 50000-60999',
  ],
  [
    'docs/configuration.md',
    /^rm manifests.*touch manifests\/.natgw-allow-empty$/,
    'test/unit/store/removal.test.ts',
    "folder.path('.natgw-allow-empty')",
  ],
]
/** Whole lines that this test runs. */
const OPERATIONS_TEST = read('test/netns/gateway/operations.test.ts')

function isRunElsewhere({ page, line }: DocumentedCommand): boolean {
  if (page === 'docs/operations.md' && OPERATIONS_TEST.includes(`runLine('${line}')`)) return true
  return RUN_ELSEWHERE.some(
    ([of, command, file, shownBy]) => of === page && command.test(line) && read(file).includes(shownBy),
  )
}

/** @returns what natgw finds wrong with the arguments; nothing is done */
async function usageError(argv: string[]): Promise<string> {
  const env = isolatedEnv(argv, new PassThrough(), new PassThrough())
  const program = commandsOf(env, { help: [], status: 0 })
  for (const command of program.commands) command.action(() => undefined)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

/** @returns what is wrong with a command that a page shows */
async function whatIsWrong(command: DocumentedCommand): Promise<string> {
  const { line, comment } = command
  const [, direct] = /^(?:npm run -s natgw -- |natgw )(.*)$/.exec(line) ?? []
  if (direct !== undefined) return usageError(direct.split(' '))
  const [, script] = /^npm (?:run )?([\w:-]+)/.exec(line) ?? []
  if (script !== undefined) return script in packageJson.scripts ? '' : `package.json has no script ${script}`
  if (comment.trim() === 'not run by a test' || isRunElsewhere(command)) return ''
  return 'no test is known that runs it'
}

describe('a command that a page shows', () => {
  it.each(commands)('$page: $line', async (command) => {
    expect(await whatIsWrong(command)).toBe('')
  })

  it.each([
    ['natgw', 'natgw status --chek'],
    ['natgw', 'natgw detach'],
    ['npm', 'npm run no-such-script'],
    ['another program', 'rm -rf /'],
  ])('is not taken when it is wrong: %s: %s', async (_, line) => {
    expect(await whatIsWrong({ page: 'README.md', line, comment: '' })).not.toBe('')
  })
})

const slugs = (page: string): string[] =>
  [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )

it.each(PAGES)('%s: every link within the repository leads to a file and a heading that are there', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)/g)]
  const dead = links.filter(([, path = '', heading]) => {
    const target = path === '' ? page : new URL(path, `file:///${page}`).pathname.slice(1)
    try {
      if (heading !== undefined) return !slugs(target).includes(heading)
      readdirSync(new URL(`../../${target}`, import.meta.url))
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ENOTDIR'
    }
    return false
  })
  expect(dead.map(([link]) => link)).toEqual([])
})
