import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { unloadDataplane } from '../../../src/kernel/loader.ts'
import { instanceFolder } from '../../../src/kernel/pins.ts'
import { TestInstance } from './plane.ts'

let instance: TestInstance
beforeEach(() => {
  instance = new TestInstance()
})
afterEach(() => {
  instance.clear()
})

const attachedProgram = (device: string): number | undefined => {
  const [link] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', 'dev', device]).toString()) as [
    { xdp?: { prog?: { id: number } } },
  ]
  return link.xdp?.prog?.id
}
const links = () => readdirSync(join(instanceFolder(instance.name), 'links'))

describe('attaching', () => {
  it('is native where the driver can, and survives the process', async () => {
    const plane = instance.open()
    const veth = instance.addDevice('veth')
    expect(await plane.attachments.attach({ role: 'uplink', mode: 'auto', ...veth })).toEqual({
      mode: 'native',
      existing: false,
    })
    plane.close()
    expect(attachedProgram(veth.device)).toBeDefined()
    expect(links()).toEqual([`uplink-${veth.ifindex}-native`])
  })

  it('falls back to generic mode and gives the reason', async () => {
    const { attachments } = instance.open()
    const tun = instance.addDevice('tun')
    const attached = await attachments.attach({ role: 'private', mode: 'auto', ...tun })
    expect(attached.mode).toBe('generic')
    expect(attached.notNative).toMatch(/not supported/i)
    await expect(attachments.attach({ role: 'private', mode: 'native', ...tun })).rejects.toMatchObject({
      code: 'ERR_ATTACH',
      message: expect.stringContaining(tun.device) as string,
    })
  })

  it('again changes nothing; a restart replaces the program in place', async () => {
    const veth = instance.addDevice('veth')
    const request = { role: 'uplink', mode: 'auto', ...veth } as const
    const first = instance.open()
    await first.attachments.attach(request)
    const before = attachedProgram(veth.device)
    const second = instance.open()
    expect(second.report.replacedPrograms).toBe(1)
    expect(attachedProgram(veth.device)).toBe(second.programs.nat_from_uplink.info.id)
    expect(attachedProgram(veth.device)).not.toBe(before)
    expect(await second.attachments.attach(request)).toEqual({ mode: 'native', existing: true })
    expect(second.attachments.states()).toEqual([
      { role: 'uplink', ifindex: veth.ifindex, mode: 'native', intact: true },
    ])
  })

  it('takes over the link of an early version, without the device ever being without a program', async () => {
    const veth = instance.addDevice('veth')
    await instance.open().attachments.attach({ role: 'private', mode: 'auto', ...veth })
    const older = join(instanceFolder(instance.name), '0123456789ab')
    mkdirSync(older)
    execFileSync('mv', [join(instanceFolder(instance.name), 'links'), older])
    const plane = instance.open()
    expect(plane.report.replacedPrograms).toBe(1)
    expect(existsSync(older)).toBe(false)
    expect(await plane.attachments.attach({ role: 'uplink', mode: 'auto', ...veth })).toEqual({
      mode: 'native',
      existing: true,
    })
    expect(attachedProgram(veth.device)).toBe(plane.programs.nat_from_uplink.info.id)
    expect(links()).toEqual([`uplink-${veth.ifindex}-native`])
  })

  it('to a device that runs another XDP program is refused, with the way to see it', async () => {
    const { attachments, programs } = instance.open()
    const veth = instance.addDevice('veth')
    const foreign = programs.nat_pass.attachXdp(veth.ifindex, 'native')
    await expect(attachments.attach({ role: 'uplink', mode: 'auto', ...veth })).rejects.toMatchObject({
      code: 'ERR_ATTACH',
      message: expect.stringContaining(`ip link show dev ${veth.device}`) as string,
    })
    foreign.close()
    expect((await attachments.attach({ role: 'uplink', mode: 'auto', ...veth })).mode).toBe('native')
  })

  it('to a device that does not exist is refused by name', async () => {
    const { attachments } = instance.open()
    await expect(
      attachments.attach({ role: 'uplink', mode: 'auto', device: 'nosuch0', ifindex: 2 ** 30 }),
    ).rejects.toMatchObject({ code: 'ERR_NO_DEVICE', message: expect.stringContaining('nosuch0') as string })
  })
})

describe('a link', () => {
  it('whose device vanished is not intact, and is dropped at the next start', async () => {
    const veth = instance.addDevice('veth')
    const { attachments } = instance.open()
    await attachments.attach({ role: 'uplink', mode: 'auto', ...veth })
    instance.removeDevice(veth.device)
    expect(attachments.states()).toMatchObject([{ intact: false }])
    instance.open()
    expect(links()).toEqual([])
  })

  it('goes with detach, and with unload', async () => {
    const { attachments } = instance.open()
    const [one, two] = [instance.addDevice('veth'), instance.addDevice('veth')]
    await attachments.attach({ role: 'uplink', mode: 'auto', ...one })
    await attachments.attach({ role: 'private', mode: 'generic', ...two })
    expect([attachments.detach(one.ifindex), attachments.detach(one.ifindex)]).toEqual([true, false])
    expect(attachedProgram(one.device)).toBeUndefined()
    expect(unloadDataplane(instance.name).links).toBe(1)
    expect(attachedProgram(two.device)).toBeUndefined()
  })
})
