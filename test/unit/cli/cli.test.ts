import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import packageJson from '../../../package.json' with { type: 'json' }
import { call } from './call.ts'

const COMMANDS = ['run', 'load-bpf', 'unload', 'status', 'slices', 'sessions', 'drops']
const OF_AN_INSTANCE = ['load-bpf', 'unload', 'status', 'slices', 'sessions', 'drops']

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'natgw-cli-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})

describe('the command line', () => {
  it('says its version', async () => {
    expect(await call(['--version'])).toEqual({ status: 0, stdout: `natgw ${packageJson.version}\n`, stderr: '' })
  })

  it.each(COMMANDS)('explains %s', async (command) => {
    const { status, stdout, stderr } = await call([command, '--help'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^Usage: natgw ${command} `))
  })

  it.each<[string, string[], string]>([
    ['an unknown command', ['staus'], 'Did you mean status?'],
    ['an unknown option', ['status', '--foo'], '--foo'],
    ['an unknown format', ['status', '-o', 'xml'], 'table, json'],
    ['an option without its value', ['run', '-c'], 'argument missing'],
    ['an argument too many', ['slices', 'mine'], 'too many arguments'],
    ['no device to load on', ['load-bpf'], '--uplink eth0 --private eth1'],
    ['a device name that is a path', ['load-bpf', '--uplink', '../x', '--private', 'b'], 'a network device'],
    ['one device in two roles', ['load-bpf', '--uplink', 'a', '--private', 'a'], 'a device has one role'],
  ])('refuses %s with status 2 and one line', async (_, argv, says) => {
    const { status, stdout, stderr } = await call(argv, { runFolder: folder })
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^natgw: ERR_USAGE: [^\n]+\n$/)
    expect(stderr).toContain(says)
  })

  it('without a command gives its help as an error', async () => {
    const { status, stdout, stderr } = await call([])
    expect([status, stdout]).toEqual([2, ''])
    for (const command of COMMANDS) expect(stderr).toContain(`\n  ${command} [options]`)
  })
})

describe('the name of an instance', () => {
  const names = ['../../somewhere/evil', '/etc/passwd', '', '.', '..', 'a/b', 'a\0b', 'a b', 'A', '-a', 'a'.repeat(33)]

  it.each(OF_AN_INSTANCE)('is checked before %s does anything', async (command) => {
    const run = join(folder, 'run')
    for (const name of names) {
      const { status, stderr } = await call([command, `--instance=${name}`], { runFolder: run })
      expect([name, status, stderr]).toEqual([name, 2, expect.stringContaining('up to 32 lower-case letters')])
    }
    expect(existsSync(run)).toBe(false)
  })

  it('is refused when it is not that of the configuration file', async () => {
    const config = join(folder, 'gateway.yaml')
    writeFileSync(config, gatewayYaml('edge'))
    const { status, stderr } = await call(['status', '-i', 'other', '-c', config], { runFolder: folder })
    expect([status, stderr]).toEqual([2, expect.stringContaining("not the instance 'edge'")])
  })

  it('comes from the default configuration file where none is given', async () => {
    const defaultConfig = join(folder, 'gateway.yaml')
    writeFileSync(defaultConfig, gatewayYaml('edge'))
    expect((await call(['status'], { runFolder: folder, defaultConfig })).stderr).toContain("instance 'edge'")
    expect((await call(['status', '-i', 'b'], { runFolder: folder, defaultConfig })).stderr).toContain("instance 'b'")
  })

  it('is the default one, with a word, while the default configuration file is not valid', async () => {
    const defaultConfig = join(folder, 'gateway.yaml')
    writeFileSync(defaultConfig, 'uplink: [')
    const { stderr } = await call(['status'], { runFolder: folder, defaultConfig })
    expect(stderr).toMatch(/^instance 'default' is meant, .*gateway\.yaml is not valid/)
    expect(stderr).toContain("ERR_NOT_LOADED: instance 'default'")
  })
})

it('commands that show make no file, nor does unloading leave one', async () => {
  const run = join(folder, 'run')
  for (const command of ['status', 'slices', 'sessions', 'drops', 'unload']) {
    const { status, stderr } = await call([command, '-i', 'not-loaded'], { runFolder: run })
    expect([command, status, stderr]).toEqual([command, 1, expect.stringMatching(/^natgw: ERR_NOT_LOADED: [^\n]+\n$/)])
    expect(existsSync(run)).toBe(false)
  }
})

function gatewayYaml(instance: string): string {
  return `instance: ${instance}
uplink: {interface: eth0}
private: [{interface: eth1, network: net}]
publicPrefixes: [198.51.100.0/29]
manifests: manifests
`
}
