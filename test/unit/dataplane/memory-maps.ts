import type { DesiredState } from '../../../src/dataplane/desired-state.ts'
import { planChanges } from '../../../src/dataplane/diff.ts'
import type { Table } from '../../../src/dataplane/image.ts'
import { MapImage } from '../../../src/dataplane/image.ts'
import type { Operation, Plan } from '../../../src/dataplane/operations.ts'
import { Placement } from '../../../src/dataplane/placement.ts'

export const MAX_SLICES = 4096

/** Plans like the agent and carries the operations out on the image alone: the maps of a kernel without a kernel. */
export class MemoryMaps {
  readonly image = new MapImage()
  placement = new Placement(MAX_SLICES)
  flushed: number[] = []
  #secret = 1n
  #applied: DesiredState | undefined

  plan(desired: DesiredState): { plan: Plan; needsFullCompare: boolean } {
    const { image, placement } = this
    const randomSecret = () => this.#secret++
    return planChanges({ image, placement, randomSecret, hz: 250, sessions: 1024 }, desired, this.#applied)
  }

  /** Plans and carries everything out. @param look called after every single operation */
  apply(desired: DesiredState, look: () => void = () => undefined): Plan {
    const { plan, needsFullCompare } = this.plan(desired)
    for (const operation of plan.operations) {
      this.carryOut(operation)
      look()
    }
    this.placement.settle()
    this.#applied = needsFullCompare ? undefined : desired
    return plan
  }

  /** Everything but the maps is forgotten. */
  restart(): void {
    this.placement = Placement.fromImage(this.image, MAX_SLICES)
    this.#applied = undefined
  }

  carryOut(operation: Operation): void {
    switch (operation.kind) {
      case 'put': {
        const table = this.image[operation.map] as Table<unknown, unknown>
        table.set(operation.key, operation.value)
        return
      }
      case 'remove': {
        const table = this.image[operation.map] as Table<unknown, unknown>
        table.delete(operation.key)
        return
      }
      case 'flush':
        this.flushed.push(operation.index)
        return
      case 'slot-block':
        this.image.slotBlocks.add(operation.number)
        return
      case 'synchronize':
    }
  }
}

/** `put slices`, `remove interfaces`, `flush`, …: the order of a plan at a glance, repetitions folded. */
export function outline(plan: Plan): string[] {
  const steps = plan.operations.map((operation) =>
    'map' in operation ? `${operation.kind} ${operation.map}` : operation.kind,
  )
  return steps.filter((step, index) => step !== steps[index - 1])
}
