import { expect, test } from 'vitest'
import { useGateway } from '../../support/gateway-lab.ts'
import { waitUntil, WEB_ADDRESS } from '../../support/netns.ts'

/** Faults in natgw itself, each made by a signal. */
const FAULTS = `
process.on('SIGUSR2', () => { throw new Error('a fault of natgw') })
process.on('SIGWINCH', () => void Promise.reject(new Error('a fault nobody waits for')))
`
const FAULTY = ['env', `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(FAULTS)}`]
const FATAL = 60

const gateway = useGateway({}, (gateway) => gateway.serve(gateway.lab.machines, ...FAULTY))

test.for([
  ['SIGUSR2', 'a fault of natgw'],
  ['SIGWINCH', 'a fault nobody waits for'],
] as const)(
  'what nobody foresaw (%s) is a line of the log and exit status 70, and costs no traffic',
  async ([signal, says]) => {
    const { service, lab } = gateway()
    service.signal(signal)
    await waitUntil('the end of natgw', 5_000, () => !service.running)
    const last = gateway().log().at(-1)
    expect(last).toMatchObject({ level: FATAL, msg: expect.stringContaining(says) as string })
    expect(last).toMatchObject({ err: { stack: expect.stringContaining(says) as string } })
    // Not a word outside of the log.
    expect(service.log.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([])
    expect(service.status).toBe(70)
    await lab.machine(1).host.run('ping', '-c', '1', '-W', '2', WEB_ADDRESS)
    await gateway().start(...FAULTY)
    expect(gateway().complaints()).toEqual([])
  },
)
