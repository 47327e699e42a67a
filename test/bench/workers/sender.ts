// A thread that runs the generator on one CPU once all other threads are ready.
import { parentPort, workerData } from 'node:worker_threads'
import { BpfProgram, inNetworkNamespace, setAffinity } from '../../../src/native/load-native.ts'

export interface SenderOrder {
  /** Of the generator. */
  programId: number
  /** Path of the network namespace. */
  namespace: string
  cpu: number
  packets: number
  /** Bytes. */
  frame: number
  flags: number
  batchSize: number
  /** Its only element counts senders that are ready; the last one wakes all. */
  ready: Int32Array
  senders: number
}

const order = workerData as SenderOrder
setAffinity(order.cpu)
const program = BpfProgram.openById(order.programId)
if (Atomics.add(order.ready, 0, 1) + 1 === order.senders) Atomics.notify(order.ready, 0)
for (let seen = Atomics.load(order.ready, 0); seen < order.senders; seen = Atomics.load(order.ready, 0)) {
  Atomics.wait(order.ready, 0, seen, 5)
}
inNetworkNamespace(order.namespace, () => {
  const { packets: repeat, flags, batchSize } = order
  program.testRun({ data: new Uint8Array(order.frame), repeat, flags, batchSize })
})
program.close()
parentPort?.postMessage('sent')
