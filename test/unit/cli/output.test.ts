import { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { Output, ReaderGone } from '../../../src/cli/env.ts'
import type { Column } from '../../../src/cli/output.ts'
import { writeJsonArray, writeTable } from '../../../src/cli/output.ts'
import { call, Collector } from './call.ts'

type Row = { name: string; count: number }
const columns: Column<Row>[] = [
  { title: 'NAME', value: ({ name }) => name },
  { title: 'COUNT', value: ({ count }) => count },
]
const MANY = 200_000

function* rows(count: number): Generator<Row> {
  for (let i = 0; i < count; i++) yield { name: i === count - 1 ? 'a-longer-name' : 'short', count: i }
}

async function written(write: (output: Output) => Promise<unknown>): Promise<string> {
  const collector = new Collector()
  await write(new Output(collector.stream))
  return collector.text
}

/** Refuses the second write, as a pipe does whose reader took one line, or a disk that is full. */
function breaking(code: string): { stream: Writable; writes: () => number } {
  let writes = 0
  const stream = new Writable({
    write: (_chunk, _encoding, done) => {
      done(++writes > 1 ? Object.assign(new Error(`write ${code}`), { code }) : null)
    },
  })
  return { stream, writes: () => writes }
}

describe('a table', () => {
  it('has aligned columns, numbers to the right', async () => {
    expect(await written((output) => writeTable(output, columns, rows(2)))).toBe(
      'NAME            COUNT\nshort               0\na-longer-name       1\n',
    )
  })

  it('of no rows is nothing, not even a header', async () => {
    expect(await written((output) => writeTable(output, columns, []))).toBe('')
  })

  it('takes any number of rows', async () => {
    const text = await written((output) => writeTable(output, columns, rows(MANY)))
    expect(text.split('\n')).toHaveLength(MANY + 2)
  })
})

describe('a JSON array', () => {
  it.each([0, 1, 499, 500, 501, MANY])('of %d rows is valid, a line a row', async (count) => {
    const text = await written((output) => writeJsonArray(output, rows(count)))
    expect(JSON.parse(text)).toHaveLength(count)
    expect(text.split('\n').filter((line) => line.includes('name'))).toHaveLength(count)
  })
})

describe('a reader that goes away', () => {
  it('ends what is being written, at once', async () => {
    const { stream, writes } = breaking('EPIPE')
    let taken = 0
    const counted = rows(MANY)
    const source = { [Symbol.iterator]: () => ({ next: () => (taken++, counted.next()) }) }
    await expect(writeTable(new Output(stream), columns, source)).rejects.toThrow(ReaderGone)
    expect(writes()).toBe(2)
    expect(taken).toBeLessThan(2_000)
  })

  it('is quiet, whichever stream it read', async () => {
    const gone = () => {
      const { stream } = breaking('EPIPE')
      stream.write('first')
      return new Output(stream)
    }
    expect(await call(['--help'], { stdout: gone() })).toMatchObject({ status: 0, stderr: '' })
    expect(await call(['staus'], { stderr: gone() })).toMatchObject({ status: 2, stdout: '' })
    await setImmediate()
  })
})

it('a disk that is full under the output is an error', async () => {
  const { stream } = breaking('ENOSPC')
  stream.write('first')
  const { status, stderr } = await call(['--help'], { stdout: new Output(stream) })
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^natgw: ERR_OUTPUT: .*ENOSPC/)])
})
