import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ServiceManager } from '../../../src/cli/service-manager.ts'

const PID = 7
let sent: [string, string][]
let errors: string[]
let broken: boolean
const manager = (environment: NodeJS.ProcessEnv) =>
  new ServiceManager(environment, PID, {
    send: (socket, message) => {
      if (broken) throw new Error('ECONNREFUSED')
      sent.push([socket, message])
    },
    onError: (message) => errors.push(message),
  })

beforeEach(() => {
  vi.useFakeTimers()
  sent = []
  errors = []
  broken = false
})
afterEach(() => vi.useRealTimers())

describe('a service manager', () => {
  it('gets nothing where there is none', () => {
    const none = manager({ WATCHDOG_USEC: '1000000' })
    none.ready('serving', () => true)
    vi.advanceTimersByTime(5_000)
    none.stopping()
    expect(sent).toEqual([])
  })

  it('gets three signs of life in the time it waits for one, until the end', () => {
    const watching = manager({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '3000000', WATCHDOG_PID: `${PID}` })
    watching.ready('serving', () => true)
    expect(sent).toEqual([['/run/notify', 'READY=1\nSTATUS=serving']])
    vi.advanceTimersByTime(3_000)
    expect(sent.filter(([, message]) => message === 'WATCHDOG=1')).toHaveLength(3)
    watching.stopping()
    vi.advanceTimersByTime(9_000)
    expect(sent.at(-1)).toEqual(['/run/notify', 'STOPPING=1\nSTATUS=ending'])
  })

  it('gets none while what natgw does has got stuck', () => {
    let alive = true
    const watching = manager({ NOTIFY_SOCKET: '/run/notify', WATCHDOG_USEC: '3000000' })
    watching.ready('serving', () => alive)
    alive = false
    vi.advanceTimersByTime(9_000)
    expect(sent).toHaveLength(1)
    watching.stopping()
  })

  it.each([
    ['another process is watched', { WATCHDOG_USEC: '3000000', WATCHDOG_PID: '8' }],
    ['none is asked for', {}],
    ['the time is no number', { WATCHDOG_USEC: 'soon' }],
  ])('gets no signs of life where %s', (_, environment) => {
    manager({ NOTIFY_SOCKET: '/run/notify', ...environment }).ready('serving', () => true)
    vi.advanceTimersByTime(9_000)
    expect(sent).toHaveLength(1)
  })

  it('that is gone is reported once, and gets messages again when it is back', () => {
    const gone = manager({ NOTIFY_SOCKET: '/run/notify' })
    broken = true
    gone.reloading()
    gone.reloaded()
    expect(errors).toEqual([expect.stringMatching(/did not get RELOADING=1.*ECONNREFUSED/s)])
    broken = false
    gone.reloaded()
    expect(sent).toEqual([['/run/notify', 'READY=1']])
  })
})
