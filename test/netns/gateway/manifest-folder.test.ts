import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, test } from 'vitest'
import { readProblems, useGateway } from '../../support/gateway-lab.ts'
import { Client, DNS_ADDRESS, startEchoServer } from '../../support/netns.ts'

describe('the folder of manifests of a gateway that serves', () => {
  let client: Client
  let answer: unknown
  const gateway = useGateway({}, async (gateway) => {
    await gateway.serve()
    await startEchoServer(gateway.lab.internet, DNS_ADDRESS, 7)
    client = Client.open(gateway.lab.machine(1).host, {
      protocol: 'tcp',
      address: DNS_ADDRESS,
      port: 7,
      sources: [38_100],
    })
    answer = await client.ask('still there')
  })
  afterAll(() => client.close())
  const expectConnectionGoesOn = async () => expect(await client.ask('still there')).toEqual(answer)
  const problems = async () => (await readProblems(gateway())).map(({ object, reason }) => `${object}: ${reason}`)
  const expectProblems = (...expected: string[]) =>
    expect.poll(async () => (await problems()).sort(), { timeout: 8_000 }).toEqual(expected.sort())

  test('may be replaced by a copy that comes a file at a time: slices stay and connections go on', async () => {
    const before = await gateway().natgw.slices()
    const { manifests } = gateway().files
    const away = `${manifests}-away`
    renameSync(manifests, away)
    mkdirSync(manifests)
    await expectProblems('folder of manifests: ERR_MANIFEST_REMOVAL')
    for (const name of readdirSync(away)) {
      copyFileSync(join(away, name), join(manifests, name))
      await delay(500)
    }
    rmSync(away, { recursive: true })
    await expectProblems()
    await delay(3_000)
    expect(await gateway().natgw.slices()).toEqual(before)
    await expectConnectionGoesOn()
  })

  test('may hold other files: status lists them without alarm, and a machine is removed all the same', async () => {
    const { manifests } = gateway().files
    writeFileSync(
      join(manifests, 'kustomization.yaml'),
      'apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n',
    )
    mkdirSync(join(manifests, 'old'))
    execFileSync('mkfifo', [join(manifests, 'pipe.yaml')])
    await expectProblems(
      'file kustomization.yaml: NotAManifest',
      'file old: NotAManifest',
      'file pipe.yaml: NotAManifest',
    )
    const { natgw, files } = gateway()
    expect((await natgw.attempt('status', '--check', '--config', files.config)).status).toBe(0)
    gateway().removeManifest('m2')
    await gateway().waitForSlices(1)
    await expectConnectionGoesOn()
  })

  test('lists a Network that is still in use, with the objects that hold its deletion up', async () => {
    gateway().removeManifest('network-0')
    await expectProblems(
      'Network default/network-sample: ERR_DELETION_WAITS',
      'file kustomization.yaml: NotAManifest',
      'file old: NotAManifest',
      'file pipe.yaml: NotAManifest',
    )
    const [waiting] = (await readProblems(gateway())).filter(({ reason }) => reason === 'ERR_DELETION_WAITS')
    expect(waiting?.message).toMatch(/NATGateway default\/natgateway-sample, NetworkInterface default\/m1/)
    await expectConnectionGoesOn()
  })

  test('that becomes empty deletes nothing', async () => {
    const { manifests } = gateway().files
    for (const name of readdirSync(manifests)) rmSync(join(manifests, name), { recursive: true })
    await expect.poll(problems, { timeout: 8_000 }).toContain('folder of manifests: ERR_MANIFEST_REMOVAL')
    await delay(3_000)
    expect(await gateway().natgw.slices()).toHaveLength(1)
    await expectConnectionGoesOn()
  })
})
