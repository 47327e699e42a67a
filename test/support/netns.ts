import { afterAll, beforeAll } from 'vitest'
import { Lab } from '../../scripts/lab/lab.ts'
import type { LabOptions } from '../../scripts/lab/topology.ts'

export * from '../../scripts/lab/gateway-files.ts'
export { Capture } from '../../scripts/lab/capture.ts'
export { ask, Client, type Answer } from '../../scripts/lab/client.ts'
export { Lab, type Machine } from '../../scripts/lab/lab.ts'
export type { Namespace } from '../../scripts/lab/namespace.ts'
export { attempt, run, waitUntil, type Service } from '../../scripts/lab/process.ts'
export { startDnsServer, startEchoServer, startWebServer, type WebServer } from '../../scripts/lab/servers.ts'
export * from '../../scripts/lab/topology.ts'

/** One lab for the tests of a `describe` block or file. @returns the lab, once they run */
export function useLab(options: LabOptions = {}): () => Lab {
  let lab: Lab | undefined
  beforeAll(async () => {
    lab = await Lab.up(options)
  })
  afterAll(() => lab?.down())
  return () => {
    if (lab === undefined) throw new Error('the lab is there only while tests run')
    return lab
  }
}
