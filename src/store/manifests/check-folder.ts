import { setTimeout as delay } from 'node:timers/promises'
import type { Problem } from '../../problems/problem.ts'
import { Turns } from '../turns.ts'
import type { FolderLimits } from './folder.ts'
import { ManifestFolder, SETTLE_MS } from './folder.ts'
import { ManifestParser } from './parser.ts'
import { planOf } from './plan.ts'
import { asProblem, noteAsProblem } from './problem.ts'

/** A file that is written all the time does not keep the check from ending. */
const LONGEST_WAIT_MS = 5_000

/** Reads a folder of manifests as a gateway does, once and without a store. */
export async function checkFolder(
  path: string,
  limits: FolderLimits,
): Promise<{ objects: number; problems: Problem[] }> {
  const parser = new ManifestParser(() => undefined)
  try {
    const folder = new ManifestFolder(path, limits, parser)
    const end = performance.now() + LONGEST_WAIT_MS
    while ((await folder.scan()).unsettled && performance.now() < end) await delay(SETTLE_MS)
    const plan = await planOf(folder.contents(), new Turns())
    const found = [...(folder.problem === undefined ? [] : [folder.problem]), ...plan.problems]
    return { objects: plan.wanted.size, problems: [...found.map(asProblem), ...folder.notes().map(noteAsProblem)] }
  } finally {
    await parser.close()
  }
}
