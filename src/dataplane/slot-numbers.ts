// Where a slot is: its number is its block and its index in the block, and in a block slots are in groups
// (bpf/types.h, struct slot_group).
import { SlotConstants, slotGroupLayout } from './generated/layouts.ts'

const { SLOT_BLOCK_SHIFT, BLOCK_SLOTS, GROUP_SLOTS } = SlotConstants

export function slotNumber(block: number, index: number): number {
  return ((block << SLOT_BLOCK_SHIFT) | index) >>> 0
}

export function blockOf(slot: number): number {
  return slot >>> SLOT_BLOCK_SHIFT
}

export function indexInBlock(slot: number): number {
  return slot & (BLOCK_SLOTS - 1)
}

/** Offset of the slot's group in its block, bytes. */
export function groupOffset(slot: number): number {
  return Math.floor(indexInBlock(slot) / GROUP_SLOTS) * slotGroupLayout.size
}

/** Offset of the slot, or of what its group keeps beside it, in the block, bytes. */
export function memberOffset(slot: number, member: 'slots' | 'ports' | 'chain' = 'slots'): number {
  const { offset, stride } = slotGroupLayout[member]
  return groupOffset(slot) + offset + (slot & (GROUP_SLOTS - 1)) * stride
}
