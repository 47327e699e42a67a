import { describe, it } from 'vitest'
import { deletionTests } from './deletion.ts'
import { readTests } from './reads.ts'
import type { ConformanceTest, OpenBackend } from './subject.ts'
import { Subject } from './subject.ts'
import { watchTests } from './watches.ts'
import { writeTests } from './writes.ts'

export type { ConformanceTest, OpenBackend, StoreBackend } from './subject.ts'

/**
 * The contract of `ResourceStore` as tests. Nothing in them depends on how a store works: they wait for what may come
 * late, look only at objects of their own, and use only what the Kubernetes API accepts.
 */
export const CONFORMANCE_TESTS: readonly ConformanceTest[] = [
  ...readTests,
  ...writeTests,
  ...deletionTests,
  ...watchTests,
]

/** @throws what keeps the store from passing */
export async function runConformanceTest(test: ConformanceTest, open: OpenBackend): Promise<void> {
  const subject = await Subject.on(await open())
  try {
    await test.run(subject)
  } finally {
    await subject.end()
  }
}

/** Registers every test of the contract for a kind of store. */
export function describeStore(name: string, open: OpenBackend): void {
  describe(`${name} keeps the contract of a ResourceStore:`, () => {
    for (const test of CONFORMANCE_TESTS) it(test.title, () => runConformanceTest(test, open))
  })
}
