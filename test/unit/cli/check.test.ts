import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { JSON_SCHEMAS } from '../../../src/cli/json-schemas.ts'
import { mismatches } from '../../support/json-schema.ts'
import { call } from './call.ts'

const CONFIG = `uplink: {interface: eth0}
private:
  - {interface: eth1, network: blue}
publicPrefixes: [198.51.100.0/28]
manifests: manifests
`
const NETWORK = `apiVersion: networking.ironcore.dev/v1alpha1
kind: Network
metadata: {namespace: default, name: blue}
spec: {}
`

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'natgw-check-'))
  mkdirSync(join(folder, 'manifests'))
  write('gateway.yaml', CONFIG)
  write('manifests/network.yaml', NETWORK)
})
afterEach(() => {
  rmSync(folder, { recursive: true })
})
const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)
const check = (...more: string[]) => call(['check', '-c', join(folder, 'gateway.yaml'), ...more])
const checkJson = async () => {
  const { status, stdout } = await check('-o', 'json')
  return {
    status,
    view: JSON.parse(stdout) as { valid: boolean; objects: number; problems: { reason: string; object: string }[] },
  }
}

describe('natgw check', () => {
  it('says that files are valid, with status 0, and writes nothing', async () => {
    const { status, stdout, stderr } = await check()
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toBe(`${folder}/gateway.yaml: valid\n${folder}/manifests: 1 object\n`)
    expect(readdirSync(folder, { recursive: true }).sort()).toEqual([
      'gateway.yaml',
      'manifests',
      'manifests/network.yaml',
    ])
  })

  it('names every mistake of gateway.yaml by its line, with status 1', async () => {
    write('gateway.yaml', `${CONFIG}timers: {udp: 0}\nnonsense: 1\n`)
    const { status, stdout } = await check()
    expect(status).toBe(1)
    expect(stdout).toMatch(/gateway\.yaml:6: ERR_CONFIG_INVALID: timers\.udp: 0/)
    expect(stdout).toMatch(/gateway\.yaml:7: ERR_CONFIG_INVALID: .*nonsense/)
    expect(stdout).toContain('gateway.yaml: not valid')
  })

  it('names every mistake of the manifests by file and line, the good ones counted', async () => {
    write('manifests/bad.yaml', NETWORK.replace('kind: Network', 'kind: Networt'))
    write('manifests/syntax.yaml', 'a: [')
    write('manifests/twice.yaml', NETWORK)
    const { status, view } = await checkJson()
    expect([status, view.valid, view.objects]).toEqual([1, false, 1])
    const places = view.problems.map(({ reason, object }) => `${object} ${reason}`)
    expect(places).toContainEqual(expect.stringMatching(/^file bad\.yaml:\d ERR_MANIFEST_KIND/))
    expect(places).toContainEqual(expect.stringMatching(/^file syntax\.yaml:\d ERR_MANIFEST_SYNTAX/))
    expect(places).toContain('file twice.yaml:1 ERR_DUPLICATE_OBJECT')
  })

  it('is content with warnings: files of other tools, a timer that is short', async () => {
    write('gateway.yaml', `${CONFIG}timers: {tcpTransitory: 30}\n`)
    mkdirSync(join(folder, 'manifests/more'))
    const { status, view } = await checkJson()
    expect([status, view.valid]).toEqual([0, true])
    expect(view.problems.map(({ reason }) => reason)).toEqual(['ConfigWarning', 'NotAManifest'])
  })

  it('says that the folder of manifests is not there', async () => {
    rmSync(join(folder, 'manifests'), { recursive: true })
    const { status, stdout } = await check()
    expect([status, stdout]).toEqual([1, expect.stringContaining('ERR_MANIFEST_READ')])
  })

  it('reads a manifest with a thousand objects', async () => {
    write(
      'manifests/many.yaml',
      Array.from({ length: 1000 }, (_, i) => NETWORK.replace('name: blue', `name: n${i}`)).join('---\n'),
    )
    expect((await checkJson()).view.objects).toBe(1001)
  })

  it('fails with one line where gateway.yaml cannot be read', async () => {
    const { status, stdout, stderr } = await call(['check', '-c', join(folder, 'absent.yaml')])
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^natgw: ERR_CONFIG_READ: [^\n]+\n$/)
  })

  it('refuses a wrong command line with status 2', async () => {
    expect((await check('--foo')).status).toBe(2)
  })

  it('prints JSON as docs/cli.md describes it', async () => {
    write('manifests/syntax.yaml', 'a: [')
    expect(mismatches(JSON_SCHEMAS.check, (await checkJson()).view)).toEqual([])
  })
})
