// `natgw detach`: gives a device free that keeps its program although no configuration names it.
import { loadConfig } from '../config/load.ts'
import { NatGwError } from '../errors/errors.ts'
import { listHost } from '../host/rtnetlink.ts'
import { detachAndUnpin, isBpffs, pinnedLinks } from '../kernel/pins.ts'
import type { CliEnv } from './env.ts'
import type { InstanceOptions } from './instance.ts'
import { findInstance } from './instance.ts'

/** @throws ERR_NO_DEVICE, ERR_NOT_LOADED, ERR_USAGE for a device that the instance is configured to serve */
export async function detach(env: CliEnv, device: string, options: InstanceOptions): Promise<void> {
  const { instance, record } = await findInstance(env, options)
  const links = listHost().links
  const link = links.find(({ name }) => name === device)
  if (link === undefined) {
    const present = links.map(({ name }) => name).join(', ')
    throw new NatGwError('ERR_NO_DEVICE', `no network device "${device}" here; there are: ${present}`, { device })
  }
  if (record !== undefined) {
    const { config } = await loadConfig(record.config)
    if ([config.uplink, ...config.private].some((each) => each.interface === device)) {
      const message = `${record.config} names device ${device}: take it out there and start natgw again, then detach it`
      throw new NatGwError('ERR_USAGE', message, { device, config: record.config })
    }
  }
  const pins = isBpffs() ? pinnedLinks(instance).filter((pin) => pin.ifindex === link.ifindex) : []
  if (pins.length === 0) {
    const message = `device ${device} runs no program of instance '${instance}': there is nothing to detach`
    throw new NatGwError('ERR_NOT_LOADED', message, { device, instance })
  }
  for (const pin of pins) detachAndUnpin(pin)
  await env.stdout.print(`${device}: program detached; what it sends is the kernel's again`)
}
