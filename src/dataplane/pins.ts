// Where things live in bpffs: /sys/fs/bpf/natgw/<instance>/<layout>/{maps,programs,links,tracepoints}/<name>.
// bpffs refuses names with a dot, so there is none in any of them.
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { NatGwError, messageOf } from '../errors/errors.ts'
import { BpfLink, fileSystemType, mountBpffs } from '../native/load-native.ts'
import { INSTANCE_NAME, isInstanceName } from '../net/names.ts'
import { LAYOUT_HASH } from './generated/layouts.ts'

/** Folder of the links that count losses. */
export const TRACEPOINTS = 'tracepoints'
export const BPFFS = '/sys/fs/bpf'
const BPF_FS_MAGIC = 0xcafe4a11
const LAYOUT_DIGITS = 12

export type LinkRole = 'uplink' | 'private'
export type XdpMode = 'native' | 'generic'

export interface PinnedLink {
  path: string
  role: LinkRole
  ifindex: number
  mode: XdpMode
}

/** The layout this build was generated for, as it appears in paths. */
export const LAYOUT = LAYOUT_HASH.slice(0, LAYOUT_DIGITS)

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

export function layoutFolder(instance: string, layout = LAYOUT): string {
  return join(instanceFolder(instance), layout)
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
  for (const kind of ['maps', 'programs', 'links', TRACEPOINTS]) {
    mkdirSync(join(layoutFolder(instance), kind), { recursive: true, mode: 0o700 })
  }
}

/** Layouts of the instance that have pins, ours included. */
export function listLayouts(instance: string): string[] {
  return list(instanceFolder(instance))
}

export function pinnedLinks(instance: string, layout = LAYOUT): PinnedLink[] {
  const folder = join(layoutFolder(instance, layout), 'links')
  return list(folder).flatMap((name) => {
    const [, role, ifindex, mode] = /^(uplink|private)-(\d+)-(native|generic)$/.exec(name) ?? []
    if (role === undefined) return []
    return [{ path: join(folder, name), role: role as LinkRole, ifindex: Number(ifindex), mode: mode as XdpMode }]
  })
}

export function linkPath(instance: string, link: Omit<PinnedLink, 'path'>): string {
  return join(layoutFolder(instance), 'links', `${link.role}-${link.ifindex}-${link.mode}`)
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

/** Takes away one layout of an instance: links first, so that no program runs on maps that are half gone. */
export function removeLayout(instance: string, layout: string): { links: number } {
  const links = pinnedLinks(instance, layout)
  for (const link of links) detachAndUnpin(link)
  const folder = layoutFolder(instance, layout)
  for (const kind of list(folder)) {
    for (const name of list(join(folder, kind))) removePin(join(folder, kind, name))
    rmdirSync(join(folder, kind))
  }
  rmdirSync(folder)
  return { links: links.length }
}

/** Removes the folders above the layouts once they are empty. */
export function removeEmptyFolders(instance: string): void {
  for (const folder of [instanceFolder(instance), join(BPFFS, 'natgw')]) {
    if (existsSync(folder) && list(folder).length === 0) rmdirSync(folder)
  }
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
