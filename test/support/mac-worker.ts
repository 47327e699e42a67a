// Sends one flow's packets from the inside and their answers from the outside, as fast as one CPU can, and prints one line
// of JSON: the MACs that frames left with. Arguments: instance, cpu, milliseconds, external port.
import { join } from 'node:path'
import { instanceFolder } from '../../src/kernel/pins.ts'
import { BpfProgram, setAffinity } from '../../src/native/load-native.ts'
import { frame, read, udp } from './packet.ts'
import { PUBLIC, XDP } from './packet-gateway.ts'

const [instance = '', cpu = '0', milliseconds = '0', external = '0'] = process.argv.slice(2)
setAffinity(Number(cpu))
const open = (name: string): BpfProgram => BpfProgram.openPinned(join(instanceFolder(instance), 'programs', name))
const out = open('nat_from_private')
const back = open('nat_from_uplink')
const packet = frame({ from: '10.0.0.1', to: '203.0.113.5' }, udp(40000, 53))
const answer = frame({ from: '203.0.113.5', to: PUBLIC }, udp(53, Number(external)))
const seen = { out: new Set<string>(), in: new Set<string>(), sent: 0 }
const until = performance.now() + Number(milliseconds)
while (performance.now() < until) {
  const sent = out.testRun({ data: packet })
  if (sent.retval === XDP.REDIRECT) seen.out.add(read(sent.data).macs.destination)
  const received = back.testRun({ data: answer })
  if (received.retval === XDP.REDIRECT) seen.in.add(read(received.data).macs.destination)
  seen.sent++
}
console.log(JSON.stringify({ out: [...seen.out].sort(), in: [...seen.in].sort(), sent: seen.sent }))
