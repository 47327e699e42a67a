// `natgw unload`: removes all that a gateway put into the kernel and into the run folder.
import { existsSync } from 'node:fs'
import { defaultStateFile } from '../config/config.ts'
import { messageOf, NatGwError } from '../errors/errors.ts'
import { removeManagedNeighbours } from '../host/managed-neighbours.ts'
import { unloadDataplane } from '../kernel/loader.ts'
import { openPinnedDataplane } from '../kernel/pinned-maps.ts'
import { isBpffs, isPinned, pinnedLinks } from '../kernel/pins.ts'
import { readSessions } from '../kernel/session-reader.ts'
import type { CliEnv } from './env.ts'
import type { InstanceOptions } from './instance.ts'
import { findInstance, lockInstance } from './instance.ts'

export interface UnloadOptions extends InstanceOptions {
  /** Ends living flows without asking. */
  yes?: boolean
}

/** @throws ERR_NOT_LOADED, ERR_ALREADY_RUNNING, ERR_FLOWS_LIVE and what findInstance throws */
export async function unload(env: CliEnv, options: UnloadOptions): Promise<void> {
  const info = await findInstance(env, options)
  const { instance, runFolder } = info
  const release = await lockInstance(info)
  try {
    if (options.yes !== true) await confirm(env, instance)
    const ifindexes = isBpffs() ? pinnedLinks(instance).map(({ ifindex }) => ifindex) : []
    const { links } = unloadDataplane(instance)
    const neighbours = removeManagedNeighbours(new Set(ifindexes))
    runFolder.clear()
    const detached = `${links} program${links === 1 ? '' : 's'} detached`
    await env.stdout.print(`instance ${instance}: ${detached}, its maps and ${neighbours} kernel neighbours removed`)
    const state = info.stateFile ?? defaultStateFile(instance)
    if (existsSync(state)) await env.stdout.print(`kept: ${state}, with the slices of every interface`)
  } catch (error) {
    if (error instanceof NatGwError && error.code === 'ERR_NOT_LOADED') runFolder.clear()
    throw error
  } finally {
    release()
  }
}

/** @throws ERR_FLOWS_LIVE unless nothing would be lost or a person agrees */
async function confirm(env: CliEnv, instance: string): Promise<void> {
  const lost = whatWouldEnd(instance)
  if (lost === undefined) return
  const answer = await env.ask?.(`Unloading instance ${instance} ends ${lost}. Go on? [y/N] `)
  if (answer !== undefined && /^y(es)?$/i.test(answer.trim())) return
  const remedy = answer === undefined ? '--yes ends them' : 'nothing was changed'
  throw new NatGwError('ERR_FLOWS_LIVE', `unloading instance '${instance}' would end ${lost}: ${remedy}`, { instance })
}

/** @returns undefined when no flow lives */
function whatWouldEnd(instance: string): string | undefined {
  if (!isBpffs() || !isPinned(instance)) return undefined
  try {
    const plane = openPinnedDataplane(instance)
    try {
      const flows = countOf(readSessions(plane))
      return flows === 0 ? undefined : `${flows} living flow${flows === 1 ? '' : 's'}`
    } finally {
      plane.close()
    }
  } catch (error) {
    return `an unknown number of flows (${messageOf(error)})`
  }
}

function countOf(items: Iterator<unknown>): number {
  let count = 0
  while (items.next().done !== true) count++
  return count
}
