// Interfaces and their slices: which get ports, which lose them, and which mappings are flushed in between.
import { formatAddress, ipv4Address, ipv4Word } from '../net/address.ts'
import type { Change } from './change.ts'
import type { DesiredInterface } from './desired-state.ts'
import type { SliceIdentity } from './entries.ts'
import { disabledSlice, emptySlice, interfaceEntry, interfaceKey, sliceEntry } from './entries.ts'
import type { Binding, Interface, InterfaceKey } from './generated/layouts.ts'
import { SliceConstants } from './generated/layouts.ts'
import type { KeyId, MapImage } from './image.ts'
import type { Plan } from './operations.ts'
import type { Block, Placement } from './placement.ts'
import { hasSlots, isActive } from './placement.ts'
import { blockOf } from './slot-numbers.ts'
import { SyncFailure } from './sync-failure.ts'
import type { SupportedInterface } from './unsupported.ts'
import { isSupportedInterface, unsupportedInterface } from './unsupported.ts'

export interface SliceContext {
  image: MapImage
  placement: Placement
  randomSecret: () => bigint
}

interface Wanted {
  desired: SupportedInterface
  index: number | undefined
}

const { NO_SLICE } = SliceConstants
const NEVER_USED = emptySlice({ epoch: 0 })

export class SlicePlanner {
  readonly #image: MapImage
  readonly #placement: Placement
  readonly #randomSecret: () => bigint
  readonly #plan: Plan
  /** By key of `interfaces`. */
  readonly #wanted = new Map<KeyId, Wanted>()
  readonly #assigned = new Map<number, Wanted>()
  readonly #emptied = new Set<number>()
  readonly #newSlotBlocks = new Set<number>()

  constructor({ image, placement, randomSecret }: SliceContext, plan: Plan) {
    this.#image = image
    this.#placement = placement
    this.#randomSecret = randomSecret
    this.#plan = plan
  }

  /** Compares all that is desired with all that the maps hold; an entry that is not desired is removed. */
  planAll(desired: readonly DesiredInterface[]): void {
    for (const each of desired) this.#want(each, () => false)
    for (const key of this.#image.interfaces.keys()) {
      if (!this.#wanted.has(this.#image.interfaces.keyId(key)))
        this.#plan.add({ kind: 'remove', map: 'interfaces', key })
    }
    for (const [index, slice] of this.#image.slices.entries()) {
      if (hasSlots(slice) && !this.#assigned.has(index)) this.#empty(index, slice)
    }
    this.#place()
  }

  /**
   * @param gone blocks of addresses that are removed
   * @returns whether an interface that is not in the change lost its slice, which only a full comparison can give back
   */
  planChange({ removed, added }: Change<DesiredInterface>, gone: readonly Block[]): { needsFullCompare: boolean } {
    const { interfaces, slices } = this.#image
    const removable = removed.filter(isSupportedInterface)
    const leaving = new Set(removable.map((each) => interfaces.keyId(interfaceKey(each))))
    for (const each of added) this.#want(each, (id, key) => !leaving.has(id) && interfaces.has(key))
    for (const each of removable) {
      const key = interfaceKey(each)
      const isWanted = this.#wanted.has(interfaces.keyId(key))
      if (!isWanted && interfaces.has(key)) this.#plan.add({ kind: 'remove', map: 'interfaces', key })
    }
    this.#refuseTaken(leaving)
    for (const each of [...removable, ...added.filter(isSupportedInterface)]) {
      const index = interfaces.get(interfaceKey(each))?.slice ?? NO_SLICE
      const slice = index === NO_SLICE ? undefined : slices.get(index)
      if (slice !== undefined && hasSlots(slice) && isOwner(slice, each) && !this.#assigned.has(index)) {
        this.#empty(index, slice)
      }
    }
    const needsFullCompare = this.#removeBlocks(gone)
    this.#place()
    return { needsFullCompare }
  }

  #want(desired: DesiredInterface, isDuplicate: (id: KeyId, key: InterfaceKey) => boolean): void {
    if (!isSupportedInterface(desired)) {
      this.#refuse(desired, unsupportedInterface(desired) ?? '', 'ERR_INVALID_FIELD')
      return
    }
    const key = interfaceKey(desired)
    const id = this.#image.interfaces.keyId(key)
    if (this.#wanted.has(id) || isDuplicate(id, key)) {
      this.#refuse(desired, `another interface of VNI ${desired.vni} has its address`)
      return
    }
    const wanted = { desired, index: this.#locate(desired) }
    this.#wanted.set(id, wanted)
    if (wanted.index !== undefined) this.#assigned.set(wanted.index, wanted)
  }

  /** @returns index of the slice it should have; undefined, and reported, when it cannot have it */
  #locate(desired: SupportedInterface): number | undefined {
    const { slice } = desired
    if (slice === undefined) return undefined
    const block = this.#placement.block(slice.publicAddress)
    const offset = block === undefined ? -1 : (slice.firstPort - block.firstPort) / block.sliceSize
    if (block === undefined) {
      this.#refuse(desired, `its public address ${formatAddress(slice.publicAddress)} has no place here`)
    } else if (!Number.isInteger(offset) || offset < 0 || offset >= block.capacity) {
      this.#refuse(
        desired,
        `no slice of ${formatAddress(slice.publicAddress)} begins at port ${slice.firstPort}: ` +
          `slices of ${block.sliceSize} ports begin at ${block.firstPort}`,
      )
    } else if (this.#assigned.has(block.firstSlice + offset)) {
      this.#refuse(desired, `${slotText(desired)} is the slice of another interface too`)
    } else return block.firstSlice + offset
    return undefined
  }

  /** In an incremental comparison: a slice whose owner is not removed is refused to another interface. */
  #refuseTaken(leaving: ReadonlySet<KeyId>): void {
    for (const [index, wanted] of this.#assigned) {
      const slice = this.#image.slices.get(index)
      if (slice === undefined || !isActive(slice) || isOwner(slice, wanted.desired)) continue
      const owner = this.#image.interfaces.keyId({ vni: slice.vni, address: slice.insideAddress })
      if (leaving.has(owner) || this.#wanted.has(owner)) continue
      this.#refuse(
        wanted.desired,
        `${slotText(wanted.desired)} is the slice of ${formatAddress(ipv4Address(slice.insideAddress))}`,
      )
      this.#assigned.delete(index)
      wanted.index = undefined
    }
  }

  #removeBlocks(gone: readonly Block[]): boolean {
    const { slices, interfaces } = this.#image
    let needsFullCompare = false
    for (const { firstSlice, capacity } of gone) {
      for (let index = firstSlice; index < firstSlice + capacity; index++) {
        const slice = slices.get(index)
        if (slice === undefined || !hasSlots(slice) || this.#emptied.has(index)) continue
        this.#empty(index, slice)
        const key = { vni: slice.vni, address: slice.insideAddress }
        const owner = interfaces.get(key)
        if (owner?.slice !== index || this.#wanted.has(interfaces.keyId(key))) continue
        this.#plan.add(
          { kind: 'put', map: 'interfaces', key, value: { ...owner, slice: NO_SLICE } },
          'disable-interfaces',
        )
        needsFullCompare = true
      }
    }
    return needsFullCompare
  }

  #empty(index: number, slice: Binding): void {
    if (this.#emptied.has(index)) return
    this.#emptied.add(index)
    this.#clear(index, slice)
    this.#placement.releaseSlice(index, slice)
    this.#plan.add({ kind: 'put', map: 'slices', key: index, value: emptySlice(slice) })
  }

  /** Order: disable the slice, then flush its mappings. */
  #clear(index: number, slice: Binding): void {
    if (isActive(slice)) {
      this.#plan.add({ kind: 'put', map: 'slices', key: index, value: disabledSlice(slice) }, 'disable-slices')
    }
    if (this.#placement.ownsSlots(index)) this.#plan.add({ kind: 'flush', index, slice })
  }

  #place(): void {
    for (const [index, wanted] of this.#assigned) this.#assign(index, wanted)
    for (const { desired, index } of this.#wanted.values()) this.#planInterface(desired, index)
  }

  #assign(index: number, wanted: Wanted): void {
    const { desired } = wanted
    const { slice } = desired
    if (slice === undefined) return
    const size = this.#placement.block(slice.publicAddress)?.sliceSize ?? 0
    const current = this.#image.slices.get(index) ?? NEVER_USED
    const fits =
      current.publicAddress === ipv4Word(slice.publicAddress) &&
      current.firstPort === slice.firstPort &&
      current.size === size
    let identity: SliceIdentity = {
      secret: current.secret,
      epoch: current.epoch,
      firstSlots: current.firstSlots,
      size,
    }

    if (!fits || !isActive(current) || !isOwner(current, desired) || !this.#placement.ownsSlots(index)) {
      let { firstSlots } = current
      if (hasSlots(current)) this.#clear(index, current)
      if (current.size !== size || !this.#placement.ownsSlots(index)) {
        if (hasSlots(current)) this.#placement.releaseSlice(index, current)
        const allocated = this.#placement.allocateSlots(size)
        if (allocated === undefined) {
          if (hasSlots(current)) this.#plan.add({ kind: 'put', map: 'slices', key: index, value: emptySlice(current) })
          this.#refuse(desired, `there are no slots for another slice of ${size} ports`, 'ERR_MAP_FULL')
          wanted.index = undefined
          return
        }
        firstSlots = allocated
      }
      identity = { firstSlots, size, secret: this.#randomSecret(), epoch: (current.epoch + 1) >>> 0 }
    }
    for (const first of identity.firstSlots) this.#needSlotBlock(blockOf(first))
    const value = sliceEntry(desired, slice, identity)
    if (this.#image.slices.holds(index, value)) return
    // A program may see one word of an entry before another: all of a new owner's entry is written before it is enabled.
    if (identity.secret !== current.secret) {
      this.#plan.add({ kind: 'put', map: 'slices', key: index, value: disabledSlice(value) }, 'fill-slices')
    }
    this.#plan.add({ kind: 'put', map: 'slices', key: index, value })
  }

  #needSlotBlock(number: number): void {
    if (this.#image.slotBlocks.has(number) || this.#newSlotBlocks.has(number)) return
    this.#newSlotBlocks.add(number)
    this.#plan.add({ kind: 'slot-block', number })
  }

  #planInterface(desired: SupportedInterface, index: number | undefined): void {
    const key = interfaceKey(desired)
    const value: Interface = interfaceEntry(desired, index)
    const current = this.#image.interfaces.get(key)
    if (current?.slice === value.slice && current.ifindex === value.ifindex && current.flags === value.flags) return
    const leavesSlice = current !== undefined && current.slice !== NO_SLICE && current.slice !== value.slice
    if (leavesSlice) {
      const disabled = { ...value, slice: NO_SLICE }
      this.#plan.add({ kind: 'put', map: 'interfaces', key, value: disabled }, 'disable-interfaces')
    }
    if (!leavesSlice || value.slice !== NO_SLICE) this.#plan.add({ kind: 'put', map: 'interfaces', key, value })
  }

  #refuse(
    desired: DesiredInterface,
    reason: string,
    code: 'ERR_CONFLICT' | 'ERR_MAP_FULL' | 'ERR_INVALID_FIELD' = 'ERR_CONFLICT',
  ): void {
    const { name, vni, address } = desired
    this.#plan.fail(
      new SyncFailure(
        code,
        `interface ${name} (${formatAddress(address)}, VNI ${vni}) gets no ports: ${reason}`,
        { scope: 'interface', name },
        { name, vni },
      ),
    )
  }
}

function isOwner(slice: Binding, { vni, address }: DesiredInterface): boolean {
  return slice.vni === vni && slice.insideAddress === ipv4Word(address)
}

function slotText({ slice }: DesiredInterface): string {
  return slice === undefined ? 'nothing' : `${formatAddress(slice.publicAddress)}:${slice.firstPort}`
}
