import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Namespace } from '../../scripts/lab/namespace.ts'
import { waitUntil } from '../../scripts/lab/process.ts'

/** Node has no datagram sockets of the unix domain. */
const RECEIVER = `
import socket, sys
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('\\0' + name[1:] if name[0] == '@' else name)
print('bound', flush=True)
while True: print(' '.join(s.recv(4096).decode().split('\\n')), flush=True)`

/** A service manager: it starts one process and hears what that says by sd_notify(3). */
export class Supervisor {
  /** Datagrams in the order in which they came, their lines joined by spaces. */
  readonly messages: string[] = []
  readonly #receiver: ChildProcess
  #child: ChildProcess | undefined
  #output = ''

  private constructor(receiver: ChildProcess) {
    this.#receiver = receiver
  }

  /**
   * @param host where both run: abstract names belong to a network namespace
   * @param socket path, or `@name` in the abstract namespace
   */
  static async start(
    host: Namespace,
    socket: string,
    environment: NodeJS.ProcessEnv,
    command: string[],
  ): Promise<Supervisor> {
    const [python = '', receiverArgs = []] = host.command('python3', '-c', RECEIVER, socket)
    const receiver = spawn(python, receiverArgs, { stdio: ['ignore', 'pipe', 'inherit'] })
    const supervisor = new Supervisor(receiver)
    createInterface(receiver.stdout).on('line', (line) => supervisor.messages.push(line))
    await supervisor.waitFor(/^bound$/)
    const [program = '', ...rest] = command
    supervisor.#run(...host.command(program, ...rest), { ...process.env, ...environment, NOTIFY_SOCKET: socket })
    return supervisor
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** What the process wrote. */
  get output(): string {
    return this.#output
  }

  count(pattern: RegExp): number {
    return this.messages.filter((message) => pattern.test(message)).length
  }

  async waitFor(pattern: RegExp, count = 1): Promise<void> {
    await waitUntil(`${count} of ${pattern.source}`, 20_000, () => this.count(pattern) >= count)
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** @returns exit status, or the signal that ended it */
  async ended(): Promise<number | string> {
    const child = this.#child
    if (child === undefined) return 'never started'
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode ?? child.signalCode ?? ''
  }

  async stop(): Promise<void> {
    this.signal('SIGKILL')
    await this.ended()
    this.#receiver.kill()
  }

  #run(command: string, args: string[], env: NodeJS.ProcessEnv): void {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()))
    this.#child = child
  }
}
