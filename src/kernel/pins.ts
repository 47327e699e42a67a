// Where things live in bpffs: /sys/fs/bpf/natgw/<instance>/{maps,programs,links,tracepoints}/<name>, and <instance>/layout.
// Early versions had a folder more, <instance>/<hash of the layout>/….
// bpffs refuses names with a dot, so there is none in any of them.
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { LinkRole } from '../dataplane/desired-state.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { BpfLink, fileSystemType, mountBpffs } from '../native/load-native.ts'
import { INSTANCE_NAME, isInstanceName } from '../net/names.ts'

/** Folder of the links that count losses. */
export const TRACEPOINTS = 'tracepoints'
export const BPFFS = '/sys/fs/bpf'
const BPF_FS_MAGIC = 0xcafe4a11
const KINDS = ['maps', 'programs', 'links', TRACEPOINTS] as const
const OLDER_PINS = /^[0-9a-f]{12}$/

export type XdpMode = 'native' | 'generic'

export interface PinnedLink {
  path: string
  role: LinkRole
  ifindex: number
  mode: XdpMode
}

/** @throws ERR_CONFIG_INVALID */
export function instanceFolder(instance: string): string {
  if (!isInstanceName(instance)) {
    throw new NatGwError(
      'ERR_CONFIG_INVALID',
      `instance '${instance}' cannot name a folder of ${BPFFS}: ${INSTANCE_NAME.what} is expected`,
      { field: 'instance', value: instance },
    )
  }
  return join(BPFFS, 'natgw', instance)
}

/**
 * Without the mount a pin path would quietly become a plain folder, and the pins would fail.
 * @returns whether it had to be mounted, which the user is told. @throws ERR_NO_BPFFS
 */
export function ensureBpffs(): { mounted: boolean } {
  if (isBpffs()) return { mounted: false }
  try {
    mountBpffs(BPFFS)
  } catch (error) {
    throw new NatGwError(
      'ERR_NO_BPFFS',
      `no BPF file system at ${BPFFS}, and mounting it failed: ${messageOf(error)}. As root: mount -t bpf bpf ${BPFFS}`,
      { path: BPFFS },
      { cause: error },
    )
  }
  return { mounted: true }
}

export function isBpffs(): boolean {
  return existsSync(BPFFS) && fileSystemType(BPFFS) === BPF_FS_MAGIC
}

export function createFolders(instance: string): void {
  for (const kind of KINDS) {
    mkdirSync(join(instanceFolder(instance), kind), { recursive: true, mode: 0o700 })
  }
}

/** Whether anything of the instance is pinned, by whatever version. */
export function isPinned(instance: string): boolean {
  return list(instanceFolder(instance)).length > 0
}

export function listPins(instance: string, kind: (typeof KINDS)[number]): string[] {
  return list(join(instanceFolder(instance), kind))
}

/** Folders in which early versions pinned, one for each layout of the maps. */
export function olderPins(instance: string): string[] {
  return list(instanceFolder(instance)).filter((name) => OLDER_PINS.test(name))
}

/** Those of early versions too. */
export function pinnedLinks(instance: string): PinnedLink[] {
  const folder = instanceFolder(instance)
  return [folder, ...olderPins(instance).map((name) => join(folder, name))].flatMap(linksIn)
}

function linksIn(parent: string): PinnedLink[] {
  const folder = join(parent, 'links')
  return list(folder).flatMap((name) => {
    const [, role, ifindex, mode] = /^(uplink|private)-(\d+)-(native|generic)$/.exec(name) ?? []
    if (role === undefined) return []
    return [{ path: join(folder, name), role: role as LinkRole, ifindex: Number(ifindex), mode: mode as XdpMode }]
  })
}

export function linkPath(instance: string, link: Omit<PinnedLink, 'path'>): string {
  return join(instanceFolder(instance), 'links', `${link.role}-${link.ifindex}-${link.mode}`)
}

/** Puts a pin in place of whatever has that path, without a moment in which there is none. */
export function replacePin(object: { pin(path: string): void }, path: string): void {
  const next = `${path}_next`
  removePin(next)
  object.pin(next)
  renameSync(next, path)
}

export function removePin(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

export function openLink(pinned: PinnedLink): BpfLink {
  return BpfLink.openPinned(pinned.path)
}

/** Whether its program is on its device still. A pin outlives both. */
export function isAttached(pinned: PinnedLink): boolean {
  const link = openLink(pinned)
  try {
    return link.info.ifindex === pinned.ifindex
  } finally {
    link.close()
  }
}

export function detachAndUnpin(pinned: PinnedLink): void {
  const link = openLink(pinned)
  try {
    if (link.info.ifindex !== 0) link.detach()
  } finally {
    link.close()
  }
  removePin(pinned.path)
}

/** Takes over what an early version attached, then takes its maps and programs away. */
export function takeOverOlderPins(instance: string): void {
  const folder = instanceFolder(instance)
  for (const name of olderPins(instance)) {
    for (const link of linksIn(join(folder, name))) renameSync(link.path, linkPath(instance, link))
    removeFolder(join(folder, name))
  }
}

/** Takes all of an instance away: links first, so that no program runs on maps that are half gone. */
export function removePins(instance: string): { links: number } {
  const links = pinnedLinks(instance)
  for (const link of links) detachAndUnpin(link)
  const folder = instanceFolder(instance)
  if (existsSync(folder)) removeFolder(folder)
  const parent = join(BPFFS, 'natgw')
  if (list(parent).length === 0 && existsSync(parent)) rmdirSync(parent)
  return { links: links.length }
}

function removeFolder(folder: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) removeFolder(path)
    else removePin(path)
  }
  rmdirSync(folder)
}

/** @throws ERR_NO_ROOT: a folder that may not be looked into is not an empty one */
function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code === 'ENOENT') return []
    if (!['EACCES', 'EPERM'].includes(code)) throw error
    const message = `${folder} is root's: ${messageOf(error)}; run natgw as root`
    throw new NatGwError('ERR_NO_ROOT', message, { path: folder }, { cause: error })
  }
}
