// The agent in a process of its own, for agent.test.ts: a network namespace belongs to a process. Told what to do over IPC.
import { Agent } from '../../src/agent/agent.ts'
import type { Resource } from '../../src/api/index.ts'
import { groupKindOf, keyOf, NETWORK_INTERFACE } from '../../src/api/index.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import { ProblemList } from '../../src/problems/problem-list.ts'
import { MemoryStore } from '../../src/store/memory.ts'

export interface Request {
  id: number
  do: 'start' | 'put' | 'delete' | 'counts' | 'conditions' | 'problems' | 'log' | 'stop'
  config?: GatewayConfig
  objects?: Resource[]
}

const lines: { level: string; message: string; fields: object }[] = []
const logTo = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields })
const log = { debug: logTo('debug'), info: logTo('info'), warn: logTo('warn'), error: logTo('error') }

const problems = new ProblemList({ debug() {}, info() {}, warn() {}, error() {} })

let store: MemoryStore
let agent: Agent

async function put(object: Resource): Promise<void> {
  const present = store.get(groupKindOf(object), keyOf(object.metadata))
  if (present === undefined) await store.create(object)
  else await store.update({ ...object, metadata: present.metadata })
}

async function handle(request: Request): Promise<unknown> {
  switch (request.do) {
    case 'start':
      store = new MemoryStore({ objects: request.objects ?? [] })
      agent = await Agent.start({
        config: request.config!,
        store,
        objectPath: 'build/bpf/natgw.bpf.o',
        problems,
        log,
      })
      return undefined
    case 'put':
      for (const object of request.objects ?? []) await put(object)
      return undefined
    case 'delete':
      for (const object of request.objects ?? []) await store.delete(groupKindOf(object), keyOf(object.metadata))
      return undefined
    case 'counts':
      return agent.counts()
    case 'conditions':
      return Object.fromEntries(
        store.list(NETWORK_INTERFACE).map((each) => {
          const programmed = each.status?.conditions?.find(({ type }) => type === 'Programmed')
          return [each.metadata.name, programmed && { status: programmed.status, reason: programmed.reason }]
        }),
      )
    case 'problems':
      return problems.list()
    case 'log':
      return lines
    case 'stop':
      await agent.stop()
      setImmediate(() => process.disconnect())
      return undefined
  }
}

process.on('message', (request: Request) => {
  handle(request).then(
    (answer) => process.send?.({ id: request.id, answer }),
    (error: unknown) => process.send?.({ id: request.id, error: error instanceof Error ? error.stack : String(error) }),
  )
})
