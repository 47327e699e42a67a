import { setImmediate } from 'node:timers/promises'

/** Milliseconds of work before timers and packets of events get their turn. */
const SLICE_MS = 2
/** Items between looks at the clock. */
const STRIDE = 32

/** Calls `body` for each item, with a turn of the event loop after every two milliseconds. */
export async function inSlices<T>(items: Iterable<T>, body: (item: T) => void): Promise<void> {
  let begin = performance.now()
  let count = 0
  for (const item of items) {
    body(item)
    if (++count % STRIDE !== 0 || performance.now() - begin < SLICE_MS) continue
    await setImmediate()
    begin = performance.now()
  }
}
