import { execFileSync } from 'node:child_process'

/** Network namespaces of one test file, named after the process so that runs side by side do not meet. */
export class Namespaces {
  readonly #prefix: string
  readonly #names: string[] = []

  constructor(prefix: string) {
    this.#prefix = `${prefix}${process.pid}`
  }

  /** @returns the name of a new namespace with its loopback up */
  add(label: string): string {
    const name = `${this.#prefix}-${label}`
    execFileSync('ip', ['netns', 'add', name])
    this.#names.push(name)
    this.ip(name, 'link set lo up')
    return name
  }

  /** Runs `ip <command>` in a namespace. @throws with what `ip` said */
  ip(namespace: string, command: string): string {
    return execFileSync('ip', ['-n', namespace, ...command.split(' ')], { encoding: 'utf8', stdio: 'pipe' })
  }

  /** Runs many commands of `ip` in a namespace at once. @throws with what `ip` said */
  batch(namespace: string, commands: readonly string[]): void {
    execFileSync('ip', ['-n', namespace, '-batch', '-'], { input: commands.join('\n'), stdio: 'pipe' })
  }

  /** Runs a line of shell in a namespace. @throws with what it said */
  exec(namespace: string, line: string): string {
    return execFileSync('ip', ['netns', 'exec', namespace, 'bash', '-c', line], { encoding: 'utf8', stdio: 'pipe' })
  }

  sysctl(namespace: string, setting: string): void {
    execFileSync('ip', ['netns', 'exec', namespace, 'sysctl', '-q', '-w', setting], { stdio: 'pipe' })
  }

  /** A cable: a device in each of two namespaces, both up. */
  cable(a: { namespace: string; device: string }, b: { namespace: string; device: string }): void {
    this.ip(a.namespace, `link add ${a.device} type veth peer name ${b.device} netns ${b.namespace}`)
    this.ip(a.namespace, `link set ${a.device} up`)
    this.ip(b.namespace, `link set ${b.device} up`)
    // Without it a veth takes nothing that native XDP redirects to its other end.
    for (const { namespace, device } of [a, b]) this.exec(namespace, `ethtool -K ${device} gro on`)
  }

  path(namespace: string): string {
    return `/run/netns/${namespace}`
  }

  removeAll(): void {
    for (const name of this.#names.splice(0)) execFileSync('ip', ['netns', 'del', name])
  }
}

/** Waits until `check` gives something other than undefined or false. @throws after `timeoutMs` naming what was awaited */
export async function eventually<T>(what: string, check: () => T | undefined | false, timeoutMs = 10_000): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    const found = check()
    if (found !== undefined && found !== false) return found
    if (performance.now() > end) throw new Error(`did not come within ${timeoutMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
