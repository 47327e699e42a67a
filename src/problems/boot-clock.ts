import { readFileSync } from 'node:fs'

/** A point in time that processes can compare, and that no step of the wall clock moves. */
export interface BootTime {
  /** Which boot the seconds count from. */
  bootId: string
  seconds: number
}

export function bootTime(): BootTime {
  const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split(' ')
  return { bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), seconds: Number(uptime) }
}

/** @returns undefined when `then` was before the last boot: how long before is not known */
export function secondsSince(then: BootTime, now: BootTime): number | undefined {
  return then.bootId === now.bootId ? Math.max(0, now.seconds - then.seconds) : undefined
}
