import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readProblems, useGateway, type GatewayLab } from '../../support/gateway-lab.ts'

const check = ({ natgw, files }: GatewayLab) => natgw.attempt('status', '--check', '--config', files.config)

describe('natgw status of a gateway that works', () => {
  const gateway = useGateway()

  test('lists no problem, and --check exits with 0', async () => {
    expect(await readProblems(gateway())).toEqual([])
    const { status, stdout } = await check(gateway())
    expect(stdout).toMatch(/^no problems$/m)
    expect(status).toBe(0)
  })

  test('lists what is wrong with a manifest by file and line until it is mended; --check exits with 1', async () => {
    const bad = join(gateway().files.manifests, 'bad.yaml')
    writeFileSync(bad, 'kind: [')
    await expect
      .poll(() => readProblems(gateway()), { timeout: 5_000 })
      .toEqual([expect.objectContaining({ object: 'file bad.yaml:1', reason: 'ERR_MANIFEST_SYNTAX' })])
    const { status, stdout } = await check(gateway())
    expect(stdout).toMatch(/^1 problem:\nfile bad\.yaml:1: ERR_MANIFEST_SYNTAX: /m)
    expect(status).toBe(1)
    gateway().removeManifest('bad')
    await expect.poll(() => readProblems(gateway()), { timeout: 5_000 }).toEqual([])
  })

  test('after SIGTERM it says that no agent runs and how old its names are, which are all there without gateway.yaml', async () => {
    await gateway().stop()
    const { natgw, files } = gateway()
    const { instance } = await natgw.status()
    const shown = await natgw.attempt('status', '--instance', instance)
    expect(shown.stdout).toMatch(new RegExp(`^instance ${instance}: no agent runs; .* those of \\d+s ago$`, 'm'))
    expect(shown.stdout).toMatch(/^default\/natgateway-sample /m)
    expect(shown.stdout).toContain(`NoAgent: `)
    expect(shown.stdout).toContain(`natgw run --config ${files.config}`)
    expect(shown.status).toBe(0)
    const slices = await natgw.attempt('slices', '--instance', instance)
    expect(slices.stdout).toMatch(/^default\/m1 .* default\/natgateway-sample$/m)
    expect(slices.stderr).toMatch(/^no agent runs; names are those of \d+s ago$/m)
    expect((await check(gateway())).status).toBe(1)
    await gateway().start()
    expect((await check(gateway())).status).toBe(0)
  })
})
