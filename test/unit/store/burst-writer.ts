// Writes to the state file of its first argument as fast as it can, telling of each write once it is acknowledged:
// `<name> <resourceVersion>`. Meant to be killed.
import { writeSync } from 'node:fs'
import { NETWORK } from '../../../src/api/index.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { realDisk } from '../../../src/store/state/disk.ts'
import { StateFile } from '../../../src/store/state/state-file.ts'
import { network } from './fixtures.ts'

const { file, ...content } = await StateFile.open(process.argv[2] ?? '', realDisk)
const store = new MemoryStore({ ...content, commit: (changes, version) => file.commit(changes, version) })

async function writeFor(name: string): Promise<never> {
  for (let count = 0; ; count++) {
    const present = store.get(NETWORK, `default/${name}`) ?? (await store.create(network(name)))
    const labels = { count: `${count} ${'x'.repeat(3000)}` }
    const written = await store.update({ ...present, metadata: { ...present.metadata, labels } })
    writeSync(1, `${name} ${written.metadata.resourceVersion}\n`)
  }
}

await Promise.all(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map(writeFor))
