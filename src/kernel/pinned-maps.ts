// The maps of one instance, opened by their pins and typed by their layouts.
import { join } from 'node:path'
import { difference } from '../dataplane/compatibility.ts'
import type { ClockArgs } from '../dataplane/generated/layouts.ts'
import { laidOut, maps as layouts } from '../dataplane/generated/layouts.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { BpfMap, BpfProgram } from '../native/load-native.ts'
import { readClock } from './clock.ts'
import { readLayoutRecord } from './layout-record.ts'
import { instanceFolder, isBpffs, isPinned, olderPins } from './pins.ts'
import { asNativeFailure, checkLayout, CounterMap, TypedMap } from './typed-map.ts'

export class DataplaneMaps {
  readonly settings
  readonly devices
  readonly interfaces
  readonly addresses
  readonly slices
  readonly sliceStates
  readonly sessions
  readonly sessionUse
  readonly routes
  readonly nextHops
  readonly hostAddresses
  readonly losses
  readonly lossScope
  readonly counters: CounterMap
  readonly drops: CounterMap
  /** Map of maps: block → array of slot groups. */
  readonly slotBlocks: BpfMap
  /** Ring buffer of struct event. */
  readonly events: BpfMap
  readonly #folder: string

  /** @param instance whose pins of this build's layout exist. @throws ERR_MAP_LAYOUT */
  constructor(instance: string) {
    this.#folder = join(instanceFolder(instance), 'maps')
    const { counters, drops, slotBlocks, events } = layouts
    this.settings = this.#open(layouts.settings)
    this.devices = this.#open(layouts.devices)
    this.interfaces = this.#open(layouts.interfaces)
    this.addresses = this.#open(layouts.addresses)
    this.slices = this.#open(layouts.slices)
    this.sliceStates = this.#open(layouts.sliceStates)
    this.sessions = this.#open(layouts.sessions)
    this.sessionUse = this.#open(layouts.sessionUse)
    this.routes = this.#open(layouts.routes)
    this.nextHops = this.#open(layouts.nextHops)
    this.hostAddresses = this.#open(layouts.hostAddresses)
    this.lossScope = this.#open(layouts.lossScope)
    this.losses = this.#open(layouts.losses)
    this.counters = new CounterMap(this.#openRaw(counters.name), counters, this.#path(counters.name))
    this.drops = new CounterMap(this.#openRaw(drops.name), drops, this.#path(drops.name))
    this.slotBlocks = this.#openRaw(slotBlocks.name)
    checkLayout(this.slotBlocks, slotBlocks, this.#path(slotBlocks.name))
    this.events = this.#openRaw(events.name)
    checkLayout(this.events, events, this.#path(events.name))
  }

  close(): void {
    for (const member of Object.values(this) as { close(): void }[]) {
      if (typeof member === 'object') member.close()
    }
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }

  #openRaw(name: string): BpfMap {
    return BpfMap.openPinned(this.#path(name))
  }

  #open<K, V>(layout: ConstructorParameters<typeof TypedMap<K, V>>[1]): TypedMap<K, V> {
    return new TypedMap(this.#openRaw(layout.name), layout, this.#path(layout.name))
  }
}

/** What can be read of an instance that is loaded, whether its agent runs or not. */
export interface PinnedDataplane {
  readonly instance: string
  readonly maps: DataplaneMaps
  readonly readClock: () => ClockArgs
  close(): void
}

/**
 * For reading: it takes no lock and changes nothing.
 * @throws ERR_NOT_LOADED when nothing is pinned, a part only, or only pins of another build
 */
export function openPinnedDataplane(instance: string): PinnedDataplane {
  const lack = whyUnreadable(instance)
  if (lack !== undefined) {
    throw new NatGwError('ERR_NOT_LOADED', `instance '${instance}' is not loaded: ${lack}`, { instance })
  }
  try {
    const maps = new DataplaneMaps(instance)
    const clock = BpfProgram.openPinned(join(instanceFolder(instance), 'programs', 'nat_clock'))
    return {
      instance,
      maps,
      readClock: () => readClock(clock),
      close() {
        maps.close()
        clock.close()
      },
    }
  } catch (error) {
    if (asNativeFailure(error)?.code !== 'ENOENT') throw error
    const what = 'it is being loaded, or that was interrupted: try again, or load it once more with `natgw run`'
    const message = `instance '${instance}' is loaded in part: ${what} (${messageOf(error)})`
    throw new NatGwError('ERR_NOT_LOADED', message, { instance }, { cause: error })
  }
}

function whyUnreadable(instance: string): string | undefined {
  const folder = instanceFolder(instance)
  if (!isBpffs() || !isPinned(instance)) {
    return `nothing is pinned at ${folder}: start it with \`natgw run\` or \`npm run load-bpf\``
  }
  const remedy = 'use the version that loaded it'
  if (olderPins(instance).length > 0) return `${folder} was pinned by an earlier version: ${remedy}`
  for (const [map, made] of Object.entries(readLayoutRecord(instance) ?? {})) {
    const wanted = laidOut[map]
    const found = wanted === undefined ? undefined : difference(made, wanted)
    if (found !== undefined) return `map ${map} of ${folder} is of another version (${found}): ${remedy}`
  }
  return undefined
}
