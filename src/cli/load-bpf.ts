// `natgw load-bpf`: the programs on a plain host, without an agent. Private traffic is dropped until one configures them.
import { DEFAULT_LIMITS } from '../config/config.ts'
import { openDataplane, unloadDataplane } from '../dataplane/loader.ts'
import { hostAddressKey } from '../dataplane/entries.ts'
import type { Dataplane, OpenReport } from '../dataplane/loader.ts'
import type { LinkRole, XdpMode } from '../dataplane/pins.ts'
import { BPFFS, instanceFolder } from '../dataplane/pins.ts'
import { NatGwError } from '../errors/errors.ts'
import { hostAddresses } from '../agent/desired/host-addresses.ts'
import { listHost } from '../agent/list-host.ts'
import { findStoppedInstance, forgetRuns } from './instance.ts'
import { OBJECT_PATH } from './paths.ts'
import { print } from './output.ts'

export interface LoadOptions {
  uplink?: string
  private: string[]
  instance: string
  mode: XdpMode | 'auto'
  unload?: boolean
}

/** @throws ERR_USAGE, ERR_NO_DEVICE, ERR_ALREADY_RUNNING, ERR_ATTACH and what openDataplane throws */
export async function loadBpf(options: LoadOptions): Promise<void> {
  await findStoppedInstance({ instance: options.instance })
  if (options.unload === true) {
    unload(options.instance)
    return
  }
  const wanted = wantedDevices(options)
  const plane = openDataplane({ instance: options.instance, limits: DEFAULT_LIMITS, objectPath: OBJECT_PATH })
  try {
    sayReport(plane.report, options.instance)
    if (plane.maps.settings.get(0)?.enabled !== 1) admitHost(plane)
    for (const { role, device, ifindex } of wanted) {
      const { mode, notNative, existing } = await plane.attachments.attach({
        role,
        device,
        ifindex,
        mode: options.mode,
      })
      print(`${device}: ${role} program ${existing ? 'was attached already' : 'attached'}, ${mode} mode`)
      if (notNative !== undefined) print(`${device}: not native, since the kernel says: ${notNative}`)
    }
  } finally {
    plane.close()
  }
  print(`verified and pinned in ${instanceFolder(options.instance)}`)
  print('Private traffic is dropped until `natgw run` configures the gateway; what is for the host itself passes.')
}

/** Without this, whoever manages the host from its private side would lose it. An agent keeps the addresses up to date. */
function admitHost({ maps }: Dataplane): void {
  for (const { address, ifindex } of hostAddresses(listHost().addresses, new Set())) {
    maps.hostAddresses.set(hostAddressKey(address), { ifindex })
  }
}

export function unload(instance: string): void {
  const { links, layouts } = unloadDataplane(instance)
  forgetRuns(instance)
  print(
    `instance ${instance}: ${links} program${links === 1 ? '' : 's'} detached, maps of ${layouts.join(', ')} removed`,
  )
}

function wantedDevices({
  uplink,
  private: devices,
}: LoadOptions): { role: LinkRole; device: string; ifindex: number }[] {
  if (uplink === undefined || devices.length === 0) {
    throw new NatGwError('ERR_USAGE', 'name the devices: --uplink eth0 --private eth1 (--private may be repeated)')
  }
  const links = listHost().links
  return [
    { role: 'uplink' as const, device: uplink },
    ...devices.map((device) => ({ role: 'private' as const, device })),
  ].map((wanted) => {
    const link = links.find(({ name }) => name === wanted.device)
    if (link !== undefined) return { ...wanted, ifindex: link.ifindex }
    const present = links.map(({ name }) => name).join(', ')
    throw new NatGwError(
      'ERR_NO_DEVICE',
      `--${wanted.role}: no network device "${wanted.device}" here; there are: ${present}`,
      {
        device: wanted.device,
      },
    )
  })
}

function sayReport(report: OpenReport, instance: string): void {
  if (report.mountedBpffs) print(`mounted the BPF file system at ${BPFFS}`)
  if (report.reusedMaps.length > 0) print(`took over the maps of instance ${instance}: its flows go on`)
  for (const { map, wanted, kept } of report.keptLimits) {
    print(`map ${map} keeps its ${kept} entries (${wanted} wanted): unload first to change that`)
  }
}
