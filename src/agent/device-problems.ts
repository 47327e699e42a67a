// Problems of the devices of the host.
import type { BoundDevice } from '../desired/device-binding.ts'
import type { NatGwError } from '../errors/errors.ts'
import type { Link } from '../host/network-objects.ts'
import type { Problem } from '../problems/problem.ts'
import type { UnconfiguredDevice } from './attached-devices.ts'

export interface DeviceFacts {
  devices: readonly BoundDevice[]
  /** Why the program is not on a device, by its configured name. */
  failures: ReadonlyMap<string, NatGwError>
  unconfigured: readonly UnconfiguredDevice[]
}

export function deviceProblems({ devices, failures, unconfigured }: DeviceFacts): Problem[] {
  return [
    ...devices.flatMap(({ device, role, link }) => {
      const failure = failures.get(device)
      return [
        ...(link === undefined ? [missing(device, role)] : linkProblems(device, role, link)),
        ...(failure === undefined ? [] : [refused(device, role, failure)]),
      ]
    }),
    ...unconfigured.map(notConfigured),
  ]
}

/** Why the traffic of a private device is not translated, by its configured name; an uplink's failure is everyone's. */
export function untranslated({ devices, failures }: Omit<DeviceFacts, 'unconfigured'>): Map<string, string> {
  const uplink = devices.find(({ role }) => role === 'uplink')
  const whole =
    uplink !== undefined && uplink.link === undefined
      ? `uplink ${uplink.device} does not exist on this node; served when it is there`
      : failures.get(uplink?.device ?? '')?.message
  return new Map(
    devices.flatMap(({ device, role }) => {
      const failure = whole ?? failures.get(device)?.message
      return role === 'private' && failure !== undefined ? [[device, failure]] : []
    }),
  )
}

const CONSEQUENCE = {
  uplink: 'nobody gets out',
  private: 'the machines behind it are not reached',
} as const

/** A private machine may be switched off, its device gone; without the uplink nothing works. */
const SEVERITY = { uplink: 'error', private: 'warning' } as const

const SCOPE = { uplink: { stopsEverything: true }, private: {} } as const

type Role = keyof typeof CONSEQUENCE

function missing(device: string, role: Role): Problem {
  return {
    reason: 'DeviceMissing',
    severity: SEVERITY[role],
    ...SCOPE[role],
    object: `device ${device}`,
    message: `it does not exist: ${CONSEQUENCE[role]}`,
    remedy: 'natgw attaches to it once it is there; if it has another name, correct gateway.yaml and start natgw again',
  }
}

function linkProblems(device: string, role: Role, link: Link): Problem[] {
  const state = stateProblem(device, role, link)
  return [...(link.name === device ? [] : [renamed(device, link.name)]), ...(state === undefined ? [] : [state])]
}

function renamed(device: string, name: string): Problem {
  return {
    reason: 'DeviceRenamed',
    severity: 'warning',
    object: `device ${device}`,
    message: `its name is ${name} now; it is served under that name until natgw starts again`,
    remedy: `give it its name back, or write ${name} into gateway.yaml`,
  }
}

function stateProblem(device: string, role: Role, { name, up, carrier }: Link): Problem | undefined {
  if (up && carrier) return undefined
  const common = { severity: SEVERITY[role], object: `device ${device}`, ...SCOPE[role] }
  if (up) {
    const message = `it has no link: ${CONSEQUENCE[role]}`
    return { ...common, reason: 'NoCarrier', message, remedy: 'check the cable, or the far end' }
  }
  const message = `it is set down: ${CONSEQUENCE[role]}`
  return { ...common, reason: 'DeviceDown', message, remedy: `ip link set ${name} up` }
}

function refused(device: string, role: Role, { code, message }: NatGwError): Problem {
  return {
    reason: code,
    severity: 'error',
    ...SCOPE[role],
    object: `device ${device}`,
    message: `${message}; ${CONSEQUENCE[role]}`,
    remedy: 'natgw tries again every 10 seconds',
  }
}

function notConfigured({ name }: UnconfiguredDevice): Problem {
  return {
    reason: 'DeviceNotConfigured',
    severity: 'warning',
    object: `device ${name}`,
    message:
      'it runs the program of private devices and is not in gateway.yaml: all that it sends is dropped, ' +
      'since without the program it might be forwarded untranslated',
    remedy: `add it to \`private\` of gateway.yaml and start natgw again, or give it free: natgw detach ${name}`,
  }
}
