// One CPU of the race test: sends the same inside endpoints as its twin on the other CPU, and after each packet the answer
// to it. Prints one line of JSON. Arguments: instance, cpu, milliseconds, numbers of inside endpoints and of their remotes.
import { join } from 'node:path'
import { instanceFolder } from '../../src/kernel/pins.ts'
import { BpfProgram, setAffinity } from '../../src/native/load-native.ts'
import { frame, read, udp } from './packet.ts'
import { PUBLIC, XDP } from './packet-gateway.ts'

const [instance = '', cpu = '0', milliseconds = '0', endpoints = '0', remotes = '1'] = process.argv.slice(2)
setAffinity(Number(cpu))
const open = (name: string): BpfProgram => BpfProgram.openPinned(join(instanceFolder(instance), 'programs', name))
const programs = { out: open('nat_from_private'), in: open('nat_from_uplink') }
const SERVER = '203.0.113.5'
const packets = Array.from({ length: Number(remotes) }, (_, remote) =>
  Array.from({ length: Number(endpoints) }, (_, i) =>
    frame({ from: '10.0.0.1', to: SERVER }, udp(1000 + i, 53 + remote)),
  ),
)
const answers = packets.map(() => new Map<number, Uint8Array>())

const result = { sent: 0, refused: 0, answered: 0, expired: 0, shared: 0, slow: 0 }
const until = performance.now() + Number(milliseconds)
for (let turn = 0; performance.now() < until; turn++) {
  // Both CPUs walk in step, by the clock, so that they meet on the same endpoint.
  const step = Math.floor((performance.timeOrigin + performance.now()) * 4)
  const remote = step % packets.length
  const index = Math.floor(step / packets.length) % Number(endpoints)
  const before = performance.now()
  const out = programs.out.testRun({ data: packets[remote]![index]! })
  result.sent++
  if (out.retval !== XDP.REDIRECT) {
    result.refused++
    continue
  }
  const external = read(out.data).sourcePort
  let answer = answers[remote]!.get(external)
  if (answer === undefined) {
    answer = frame({ from: SERVER, to: PUBLIC }, udp(53 + remote, external))
    answers[remote]!.set(external, answer)
  }
  const back = programs.in.testRun({ data: answer })
  if (back.retval !== XDP.REDIRECT) result.expired++
  else if (read(back.data).destinationPort === 1000 + index) result.answered++
  // Taken off the CPU for longer than a mapping lives: the port may rightly be another's by now.
  else if (performance.now() - before > 4) result.slow++
  else result.shared++
}
console.log(JSON.stringify(result))
