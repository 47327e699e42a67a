// `natgw load-bpf`: the programs on a plain host, without an agent. Private traffic is dropped until one configures them.
import { DEFAULT_LIMITS } from '../config/config.ts'
import type { LinkRole } from '../dataplane/desired-state.ts'
import { hostAddressKey } from '../dataplane/entries.ts'
import { hostAddresses } from '../desired/host-addresses.ts'
import { NatGwError } from '../errors/errors.ts'
import { listHost } from '../host/rtnetlink.ts'
import type { Attachments } from '../kernel/attachments.ts'
import type { Dataplane, OpenReport } from '../kernel/loader.ts'
import { openDataplane } from '../kernel/loader.ts'
import type { XdpMode } from '../kernel/pins.ts'
import { BPFFS, instanceFolder } from '../kernel/pins.ts'
import { LoadUndo } from '../kernel/undo.ts'
import { DEVICE_NAME, isDeviceName } from '../net/names.ts'
import type { CliEnv } from './env.ts'
import { findInstance, lockInstance } from './instance.ts'

export interface LoadOptions {
  uplink?: string
  private?: string[]
  instance?: string
  mode: XdpMode | 'auto'
  acceptFlowLoss?: boolean
}

type Wanted = { role: LinkRole; device: string; ifindex: number }

/**
 * All or nothing: when a device refuses its program, what this call pinned and attached is removed again.
 * @throws ERR_USAGE, ERR_NO_DEVICE, ERR_ALREADY_RUNNING, ERR_ATTACH and what openDataplane throws
 */
export async function loadBpf(env: CliEnv, options: LoadOptions): Promise<void> {
  const info = await findInstance(env, options)
  const wanted = wantedDevices(options)
  const release = await lockInstance(info)
  const { instance } = info
  const lines = await loadAndAttach(env, instance, wanted, options).finally(release)
  // Said at the end: a reader that goes away must not undo anything.
  await env.stdout.print(lines.join('\n'))
}

async function loadAndAttach(
  { bpfObject: objectPath }: CliEnv,
  instance: string,
  wanted: readonly Wanted[],
  { mode, acceptFlowLoss = false }: LoadOptions,
): Promise<string[]> {
  const undo = new LoadUndo(instance)
  try {
    const plane = openDataplane({ instance, limits: DEFAULT_LIMITS, objectPath, acceptFlowLoss })
    try {
      if (plane.maps.settings.get(0)?.enabled !== 1) admitHost(plane)
      return [
        ...reportLines(plane.report, instance),
        ...(await attachAll(plane.attachments, wanted, mode)),
        `verified and pinned in ${instanceFolder(instance)}`,
        'Private traffic is dropped until `natgw run` configures the gateway; what is for the host itself passes.',
      ]
    } catch (error) {
      await undo.links(plane.attachments)
      throw error
    } finally {
      plane.close()
    }
  } catch (error) {
    undo.pins()
    throw error
  }
}

async function attachAll(
  attachments: Attachments,
  wanted: readonly Wanted[],
  mode: LoadOptions['mode'],
): Promise<string[]> {
  const lines: string[] = []
  for (const { role, device, ifindex } of wanted) {
    const attached = await attachments.attach({ role, device, ifindex, mode })
    const how = attached.existing ? 'was attached already' : 'attached'
    lines.push(`${device}: ${role} program ${how}, ${attached.mode} mode`)
    if (attached.notNative !== undefined)
      lines.push(`${device}: not native, since the kernel says: ${attached.notNative}`)
  }
  return lines
}

/** Without this, whoever manages the host from its private side would lose it. An agent keeps the addresses up to date. */
function admitHost({ maps }: Dataplane): void {
  for (const { address, ifindex } of hostAddresses(listHost().addresses, new Set())) {
    maps.hostAddresses.set(hostAddressKey(address), { ifindex })
  }
}

function wantedDevices({ uplink, private: devices = [] }: LoadOptions): Wanted[] {
  if (uplink === undefined || devices.length === 0) {
    throw new NatGwError('ERR_USAGE', 'name the devices: --uplink eth0 --private eth1 (--private may be repeated)')
  }
  const named = [
    { role: 'uplink' as const, device: uplink },
    ...devices.map((device) => ({ role: 'private' as const, device })),
  ]
  for (const [index, { role, device }] of named.entries()) {
    const details = { option: `--${role}`, value: device }
    if (!isDeviceName(device)) {
      throw new NatGwError('ERR_USAGE', `--${role} ${JSON.stringify(device)}: ${DEVICE_NAME.what} is expected`, details)
    }
    if (named.findIndex((other) => other.device === device) !== index) {
      throw new NatGwError('ERR_USAGE', `--${role} ${device}: is named before; a device has one role`, details)
    }
  }
  const links = listHost().links
  return named.map((wanted) => {
    const link = links.find(({ name }) => name === wanted.device)
    if (link !== undefined) return { ...wanted, ifindex: link.ifindex }
    const present = links.map(({ name }) => name).join(', ')
    const message = `--${wanted.role}: no network device "${wanted.device}" here; there are: ${present}`
    throw new NatGwError('ERR_NO_DEVICE', message, { device: wanted.device })
  })
}

function reportLines(report: OpenReport, instance: string): string[] {
  return [
    ...(report.mountedBpffs ? [`mounted the BPF file system at ${BPFFS}`] : []),
    ...(report.reusedMaps.length > 0 ? [`took over the maps of instance ${instance}: its flows go on`] : []),
    ...(report.endedFlows > 0 ? [`${report.endedFlows} flows of another version ended`] : []),
    ...report.keptLimits.map(
      ({ map, wanted, kept }) => `map ${map} keeps its ${kept} entries (${wanted} wanted): unload first to change that`,
    ),
  ]
}
