import { execFileSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { messagesOf } from '../../src/host/message.ts'
import { ifIndex, inNetworkNamespace, NetlinkSocket } from '../../src/native/load-native.ts'
import type { NativeFailure } from '../../src/native/native.d.ts'

const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_NEWNEIGH = 28
const RTM_GETNEIGH = 30
const REQUEST = 1
const ACK = 4
const DUMP = 0x300
const IFLA_IFNAME = 3
const NDA_DST = 1
const RTNLGRP_IPV4_IFADDR = 5

const netns = `natgw-nl-${process.pid}`
const path = `/run/netns/${netns}`
const inside = <T>(body: () => T) => inNetworkNamespace(path, body)
const ip = (...args: string[]) => execFileSync('ip', ['-n', netns, ...args])

const sockets: NetlinkSocket[] = []
function open(...args: ConstructorParameters<typeof NetlinkSocket>): NetlinkSocket {
  const socket = inside(() => new NetlinkSocket(...args))
  sockets.push(socket)
  return socket
}

function message(type: number, flags: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16 + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags, true)
  bytes.set(body, 16)
  return bytes
}

const typeOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getUint16(4, true)

/** The payload of an attribute behind a fixed header. */
function attribute(bytes: Uint8Array, header: number, wanted: number): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = 16 + header; at + 4 <= bytes.length; at += (view.getUint16(at, true) + 3) & ~3)
    if (view.getUint16(at + 2, true) === wanted) return bytes.subarray(at + 4, at + view.getUint16(at, true))
  return undefined
}

const nameOf = (link: Uint8Array) =>
  Buffer.from(attribute(link, 16, IFLA_IFNAME)!)
    .toString()
    .replace('\0', '')

function failure(body: () => unknown): NativeFailure {
  try {
    body()
  } catch (error) {
    return error as NativeFailure
  }
  throw new Error('did not throw')
}

beforeAll(() => {
  execFileSync('ip', ['netns', 'add', netns])
  ip('link', 'add', 'n0', 'type', 'veth', 'peer', 'name', 'n1')
  ip('link', 'set', 'n0', 'up')
  ip('addr', 'add', '192.0.2.1/24', 'dev', 'n0')
  ip('neigh', 'add', '192.0.2.77', 'lladdr', '02:00:00:00:00:77', 'dev', 'n0', 'nud', 'permanent')
})
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close()
})
afterAll(() => {
  execFileSync('ip', ['netns', 'del', netns])
})

describe('requests', () => {
  test('a request without an answer fails soon, and the next one is answered', () => {
    const socket = open([])
    const ECHO = 8
    // The kernel echoes no neighbours, so that it says nothing to this.
    const body = new Uint8Array(12 + 8 + 12)
    const view = new DataView(body.buffer)
    body[0] = 2
    view.setUint32(
      4,
      inside(() => ifIndex('n0')),
      true,
    )
    view.setUint16(8, 0x80, true)
    body.set([8, 0, NDA_DST, 0, 192, 0, 2, 78, 10, 0, 2, 0, 2, 0, 0, 0, 0, 78], 12)
    const begin = performance.now()
    const silent = failure(() => socket.request(message(RTM_NEWNEIGH, REQUEST | ECHO | 0x500, body)))
    expect(silent.code).toBe('ETIMEDOUT')
    expect(performance.now() - begin).toBeLessThan(4_500)
    expect(socket.request(message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16)))).toHaveLength(3)
  })

  test('a dump of links gives each device of the namespace the socket was made in', () => {
    const answers = open([]).request(message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16)))
    expect(answers.map(typeOf)).toEqual([RTM_NEWLINK, RTM_NEWLINK, RTM_NEWLINK])
    expect(answers.map(nameOf).sort()).toEqual(['lo', 'n0', 'n1'])
  })

  test('a dump of neighbours gives the permanent one', () => {
    const answers = open([]).request(message(RTM_GETNEIGH, REQUEST | DUMP, new Uint8Array(12)))
    expect(answers.every((answer) => typeOf(answer) === RTM_NEWNEIGH)).toBe(true)
    expect(answers.map((answer) => [...attribute(answer, 12, NDA_DST)!])).toContainEqual([192, 0, 2, 77])
  })

  test('a dump that needs many datagrams is gathered whole', () => {
    const count = 600
    for (let i = 0; i < count; i += 200) {
      const commands = Array.from({ length: 200 }, (_, j) => {
        const n = i + j
        return `neigh add 198.51.${n >> 8}.${n & 255} lladdr 02:00:00:00:01:01 dev n0 nud permanent`
      })
      execFileSync('ip', ['-n', netns, '-batch', '-'], { input: commands.join('\n') })
    }
    const answers = open([]).request(message(RTM_GETNEIGH, REQUEST | DUMP, new Uint8Array(12)))
    const seen = new Set(answers.map((answer) => attribute(answer, 12, NDA_DST)!.join('.')))
    expect([...seen].filter((address) => address.startsWith('198.51.'))).toHaveLength(count)
  })

  test('a dump on another thread gives the same messages, one at a time', async () => {
    const socket = open([])
    const question = message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16))
    const running = socket.dump(question)
    expect(failure(() => socket.dump(question))).toMatchObject({
      code: 'EARG',
      message: 'a dump of this socket is running: wait for its end',
    })
    expect(socket.request(question)).toHaveLength(3)
    const links = [...messagesOf(await running)]
    expect(links.map(({ type }) => type)).toEqual([RTM_NEWLINK, RTM_NEWLINK, RTM_NEWLINK])
    expect([...messagesOf(await socket.dump(question))]).toHaveLength(3)
  })

  test('a dump that the kernel refuses rejects with its errno, and one of a closed socket throws', async () => {
    const socket = open([])
    const question = message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16).fill(1, 2, 3))
    await expect(socket.dump(question)).rejects.toMatchObject({ code: 'EINVAL', syscall: 'netlink' })
    const running = socket.dump(message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16)))
    socket.close()
    expect([...messagesOf(await running)]).toHaveLength(3)
    expect(failure(() => socket.dump(question)).message).toBe('netlink socket is closed')
  })

  const linkOf = (ifindex: number) => {
    const body = new Uint8Array(16)
    new DataView(body.buffer).setUint32(4, ifindex, true)
    return body
  }

  test('a request for one device has one answer, with or without an ACK', () => {
    const socket = open([])
    const index = inside(() => ifIndex('n0'))
    for (const flags of [REQUEST, REQUEST | ACK]) {
      const answers = socket.request(message(RTM_GETLINK, flags, linkOf(index)))
      expect(answers.map(nameOf)).toEqual(['n0'])
    }
  })

  test('a refusal carries the errno, and the kernel’s explanation where it gives one', () => {
    const socket = open([])
    expect(failure(() => socket.request(message(RTM_GETLINK, REQUEST, linkOf(99999))))).toMatchObject({
      code: 'ENODEV',
      errno: 19,
      syscall: 'netlink',
    })
    const body = linkOf(1)
    body[2] = 1
    expect(failure(() => socket.request(message(RTM_GETLINK, REQUEST | DUMP, body)))).toMatchObject({
      code: 'EINVAL',
      message: expect.stringMatching(/Invalid values in header/) as string,
    })
    expect(socket.request(message(RTM_GETLINK, REQUEST, linkOf(1))).map(nameOf)).toEqual(['lo'])
  })

  test('messages that contradict their header, or would never be answered, are refused', () => {
    const socket = open([])
    const good = message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16))
    for (const wrong of [new Uint8Array(0), new Uint8Array(15), good.subarray(0, 20), new Uint8Array([...good, 0])])
      expect(failure(() => socket.request(wrong)).code).toBe('EARG')
    expect(failure(() => socket.request(message(RTM_GETLINK, DUMP, new Uint8Array(16)))).code).toBe('EARG')
    expect(failure(() => socket.request(message(RTM_NEWADDR, REQUEST, new Uint8Array(8)))).code).toBe('EARG')
  })

  test('a closed socket says so, and may be closed again', () => {
    const socket = open([])
    socket.close()
    socket.close()
    const dump = message(RTM_GETLINK, REQUEST | DUMP, new Uint8Array(16))
    expect(failure(() => socket.request(dump))).toMatchObject({ code: 'EARG', message: 'netlink socket is closed' })
  })
})

/** More events than a socket's buffer holds, while this thread cannot read. */
function overrun(): void {
  const batch: string[] = []
  for (let i = 0; i < 12_000; i++) {
    const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`
    batch.push(`addr add ${address} dev n1`, `addr del ${address} dev n1`)
  }
  execFileSync('ip', ['-n', netns, '-batch', '-'], { input: batch.join('\n') })
}

describe('events', () => {
  test('a new address is reported to a socket of its group', async () => {
    const received: number[] = []
    const socket = open([RTNLGRP_IPV4_IFADDR], (datagram) => received.push(typeOf(datagram)))
    ip('addr', 'add', '192.0.2.2/24', 'dev', 'n0')
    await expect.poll(() => received).toEqual([RTM_NEWADDR])
    socket.close()
    ip('addr', 'add', '192.0.2.3/24', 'dev', 'n0')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(received).toHaveLength(1)
  })

  test('events that arrive while the thread is busy beyond the buffer are reported as an overrun', async () => {
    let overruns = 0
    let messages = 0
    open(
      [RTNLGRP_IPV4_IFADDR],
      () => messages++,
      () => overruns++,
    )
    overrun()
    await expect.poll(() => overruns, { timeout: 10_000 }).toBeGreaterThan(0)
    expect(messages).toBeGreaterThan(0)
  })

  test('events after an overrun are reported again', async () => {
    let overruns = 0
    const received: number[] = []
    open(
      [RTNLGRP_IPV4_IFADDR],
      (datagram) => received.push(typeOf(datagram)),
      () => overruns++,
    )
    overrun()
    await expect.poll(() => overruns, { timeout: 10_000 }).toBeGreaterThan(0)
    // What was queued before the overrun is read first.
    let before = -1
    await expect.poll(() => before === (before = received.length), { interval: 200, timeout: 10_000 }).toBe(true)
    ip('addr', 'add', '192.0.2.9/24', 'dev', 'n0')
    await expect.poll(() => received.length, { timeout: 5_000 }).toBe(before + 1)
  })

  test('a callback may close the socket', async () => {
    let calls = 0
    const socket = open([RTNLGRP_IPV4_IFADDR], () => {
      calls++
      socket.close()
    })
    execFileSync('ip', ['-n', netns, '-batch', '-'], {
      input: 'addr add 203.0.113.1/32 dev n0\naddr add 203.0.113.2/32 dev n0',
    })
    await expect.poll(() => calls).toBe(1)
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(calls).toBe(1)
  })

  test('groups without a listener, and groups that do not exist, are refused', () => {
    expect(failure(() => open([RTNLGRP_IPV4_IFADDR])).code).toBe('EARG')
    expect(failure(() => open([100_000], () => undefined)).code).toBe('EINVAL')
  })
})

describe('network namespaces', () => {
  const here = () => readlinkSync('/proc/thread-self/ns/net')

  test('the body runs in the other namespace, and its result comes back to this one', () => {
    const before = here()
    expect(inside(here)).not.toBe(before)
    expect(here()).toBe(before)
  })

  test('an exception passes through, and the thread returns', () => {
    const before = here()
    expect(() =>
      inside(() => {
        throw new Error('from inside')
      }),
    ).toThrow('from inside')
    expect(here()).toBe(before)
  })

  test('calls may be nested', () => {
    const before = here()
    expect(inside(() => inNetworkNamespace(`/proc/${process.ppid}/ns/net`, here))).toBe(before)
    expect(here()).toBe(before)
  })

  test('an asynchronous body is refused', () => {
    const before = here()
    expect(failure(() => inside(() => Promise.resolve(1))).code).toBe('EARG')
    expect(here()).toBe(before)
  })
})
