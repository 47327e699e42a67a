import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const main = new URL('../../../src/cli/main.ts', import.meta.url).pathname

/** @param line shell; `natgw` is the command line */
function shell(line: string): { status: string; stderr: string } {
  const script = `natgw() { "${process.execPath}" "${main}" "$@"; }; ${line}; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  return { status: stdout.trim().split('\n').at(-1) ?? '', stderr }
}

describe('the process of natgw', () => {
  it.each([
    ['--help | true', '0'],
    ['--help 2>&1 | true', '0'],
    ['no-command 2>&1 | true', '2'],
    ['status -i none-of-that-name 2>&1 | true', '1'],
    ['--help >&-', '0'],
    ['no-command 2>&-', '2'],
  ])('%s ends without a stack trace', (line, status) => {
    expect(shell(`natgw ${line}`)).toEqual({ status, stderr: '' })
  })

  it('reports a full disk', () => {
    expect(shell('natgw --help >/dev/full')).toEqual({
      status: '1',
      stderr: expect.stringMatching(/ERR_OUTPUT/) as string,
    })
  })
})
