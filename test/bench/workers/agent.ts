// An agent on existing objects, in the network namespace of its process. Prints one line of JSON.
// Arguments: gateway.yaml, number of interfaces, number of changes.
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { Agent } from '../../../src/agent/agent.ts'
import { NAT_TABLE } from '../../../src/api/index.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { bindingCodec, BindingKind } from '../../../src/dataplane/generated/layouts.ts'
import { openPinnedDataplane } from '../../../src/kernel/pinned-maps.ts'
import { activeSlices } from '../../../src/kernel/readers.ts'
import { ProblemList } from '../../../src/problems/problem-list.ts'
import { MemoryStore } from '../../../src/store/memory.ts'
import { PER_TABLE, table, world } from '../world.ts'

const [file = '', interfaces = '0', changes = '0'] = process.argv.slice(2)
const count = Number(interfaces)
const objectPath = new URL('../../../build/bpf/natgw.bpf.o', import.meta.url).pathname
const { config } = await loadConfig(file)
const store = new MemoryStore({ objects: world(count), resourceVersion: 10 })
const begin = performance.now()
const log = pino({ level: 'error' })
const agent = await Agent.start({ config, store, objectPath, log, problems: new ProblemList(log) })
const started = performance.now() - begin
const plane = openPinnedDataplane(config.instance)
const slices = [...activeSlices(plane.maps)].length
const view = plane.maps.slices.native.readOnlyView()

/** Inside address → index of its slice; a slice that is removed and given again gets the same index. */
const where = new Map([...activeSlices(plane.maps)].map((each) => [each.slice.insideAddress, each.index]))
const times: number[] = []
for (let change = 0; change < Number(changes); change++) {
  const position = change % Math.min(PER_TABLE, count)
  for (const without of [position, -1]) {
    const fresh = table(0, count, without)
    const present = store.get(NAT_TABLE, `default/${fresh.metadata.name}`)
    if (present === undefined) throw new Error('the table is gone')
    const host = table(0, count).spec.sections[position]?.ip ?? ''
    const place = where.get(host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)) ?? 0
    const active = (): boolean => bindingCodec.decode(view, place * bindingCodec.size).kind !== BindingKind.BINDING_NONE
    const from = performance.now()
    await store.update({ ...present, spec: fresh.spec })
    while (active() !== (without === -1)) await turn()
    times.push(performance.now() - from)
  }
}
console.log(JSON.stringify({ started, slices, times }))
plane.close()
await agent.stop()
await store.close()
