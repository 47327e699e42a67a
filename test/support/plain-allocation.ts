import type { SliceAllocation, SliceRequest } from '../../src/allocation/port-slices.ts'
import { allocateSlices } from '../../src/allocation/port-slices.ts'
import type { SliceAllocator } from '../../src/allocation/slice-allocator.ts'
import type { SliceOwner } from '../../src/allocation/slice-owner.ts'

/** A full allocation as plain values, for comparisons. */
export function plainAllocation(request: SliceRequest): Omit<SliceAllocation, 'allocator'> & {
  tables: ReturnType<SliceAllocator['tables']>
  pending: SliceOwner[]
} {
  const { allocator, displaced, damage } = allocateSlices(request)
  return { tables: allocator.tables(), pending: [...allocator.pending], displaced, damage }
}
