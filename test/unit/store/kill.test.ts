import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { realDisk } from '../../../src/store/state/disk.ts'
import { StateFile } from '../../../src/store/state/state-file.ts'

const writer = join(import.meta.dirname, 'burst-writer.ts')

it(
  'nothing acknowledged is lost to kill -9 in the middle of a burst, time after time',
  { timeout: 60_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'natgw-kill-'))
    const path = join(folder, 'natgw.state')
    let acknowledgements = 0
    for (let round = 0; round < 6; round++) {
      const child = spawn(process.execPath, [writer, path], { stdio: ['ignore', 'pipe', 'inherit'] })
      let output = ''
      child.stdout.on('data', (text: Buffer) => (output += text.toString()))
      await once(child.stdout, 'data')
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 150))
      child.kill('SIGKILL')
      await once(child, 'close')

      const lines = output.split('\n').slice(0, -1)
      acknowledgements += lines.length
      const versions = new Map(lines.map((line) => line.split(' ') as [string, string]))
      const { file, objects, resourceVersion } = await StateFile.open(path, realDisk)
      await file.close()
      const found = new Map(objects.map(({ metadata }) => [metadata.name, Number(metadata.resourceVersion)]))
      for (const [name, version] of versions) expect(found.get(name)).toBeGreaterThanOrEqual(Number(version))
      expect(resourceVersion).toBeGreaterThanOrEqual(Math.max(...found.values()))
    }
    expect(acknowledgements).toBeGreaterThan(100)
    await rm(folder, { recursive: true })
  },
)
