import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, NatGwError } from '../errors/errors.ts'
import type * as contract from './native.d.ts'
import { ReadOnlyView } from './read-only-view.ts'

function loadAddon(): typeof contract {
  // src/native and dist/native lie at the same depth.
  const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
  // A named addon is meant: falling back to another would test or run the wrong one.
  const named = process.env['NATGW_ADDON']
  const tried = named ? [named] : [join(root, 'build', 'Release', 'natgw.node')]
  const require = createRequire(import.meta.url)
  let reason = 'no such file'
  let cause: unknown
  for (const path of tried.filter((candidate) => existsSync(candidate))) {
    try {
      return require(path) as typeof contract
    } catch (error) {
      cause = error
      reason = messageOf(error)
    }
  }
  throw new NatGwError(
    'ERR_NATIVE_ADDON',
    `cannot load the native addon (tried ${tried.join(', ')}): ${reason}; run \`npm run build:native\``,
    { tried, reason },
    { cause },
  )
}

const native = loadAddon()

/** What the addon has besides its contract. */
interface Unsafe {
  mmapReadOnly?: () => ArrayBuffer
}

/** The bare memory of a read-only mapping leaves this module only behind a view that cannot write. */
function hideReadOnlyMemory(prototype: contract.BpfMap & Unsafe): void {
  const { mmapReadOnly } = prototype
  if (mmapReadOnly === undefined) return
  delete prototype.mmapReadOnly
  prototype.readOnlyView = function (this: contract.BpfMap) {
    return new ReadOnlyView(mmapReadOnly.call(this))
  }
}
hideReadOnlyMemory(native.BpfMap.prototype)

export const {
  BpfMap,
  BpfProgram,
  BpfLink,
  BpfObject,
  RingBuffer,
  NetlinkSocket,
  lockFile,
  isFileLocked,
  unlockFile,
  sendDatagram,
  exitNow,
  fileSystemType,
  mountBpffs,
  ifIndex,
  possibleCpus,
  setAffinity,
  inNetworkNamespace,
} = native

export type BpfMap = contract.BpfMap
export type BpfProgram = contract.BpfProgram
export type BpfLink = contract.BpfLink
export type BpfObject = contract.BpfObject
export type RingBuffer = contract.RingBuffer
export type NetlinkSocket = contract.NetlinkSocket
export type { LinkInfo, MapInfo, NativeFailure, ProgramInfo } from './native.d.ts'
export type { ReadOnlyView } from './read-only-view.ts'
