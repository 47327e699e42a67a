// Words of slots and sessions that programs compare whole: what each is made of is in bpf/types.h.
import { RemoteConstants, WordConstants, WordState } from './generated/layouts.ts'

const { WORD_STATE, WORD_GENERATION, WORD_GENERATION_SHIFT, OWNER_PORT_SHIFT, OWNER_EPOCH_SHIFT, MAPPING_SLOT_SHIFT } =
  WordConstants

/** @param word `owner` of a slot, or `mapping` of an entry of `sessions` */
export function generationOf(word: bigint): number {
  return bitsOf(word, WORD_GENERATION_SHIFT) & WORD_GENERATION
}

/** @param low the low 32 bits of such a word */
export function isLive(low: number): boolean {
  return (low & WORD_STATE) === WordState.WORD_LIVE
}

export function isFree(word: bigint): boolean {
  return (bitsOf(word, 0) & WORD_STATE) === WordState.WORD_FREE
}

/** Of a slot's owner word. An epoch is that of `slices`. */
export function ownerOf(owner: bigint): { epoch: number; insidePort: number } {
  return { epoch: bitsOf(owner, OWNER_EPOCH_SHIFT), insidePort: bitsOf(owner, OWNER_PORT_SHIFT) & 0xffff }
}

/** Number of the slot of the mapping that an entry of `sessions` belongs to. */
export function slotOf(mapping: bigint): number {
  return bitsOf(mapping, MAPPING_SLOT_SHIFT)
}

/** Of an IPv4 session. @returns address as host-order u32; port 0 for ICMP */
export function remoteOf(remote: bigint): { address: number; port: number } {
  return { address: bitsOf(remote, RemoteConstants.REMOTE_ADDRESS_SHIFT), port: bitsOf(remote, 0) & 0xffff }
}

/** 32 bits from `shift` on. */
function bitsOf(word: bigint, shift: number): number {
  return Number(BigInt.asUintN(32, word >> BigInt(shift)))
}
