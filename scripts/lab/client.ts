import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Namespace } from './namespace.ts'

export interface ClientPlan {
  protocol: 'tcp' | 'udp'
  address: string
  port: number
  /** Source ports; a connection (or socket) each. */
  sources: number[]
  /** Milliseconds for connecting and for each answer. */
  timeout: number
}

/** The answer to one source port. */
export interface Answer {
  source: number
  /** A line of the server; an echo server's begins with `<address>:<port> ` as which it saw this client. */
  reply?: string
  /** `timeout`, `closed`, or the errno name. */
  error?: string
}

/** Connections from one host that stay open between questions. */
export class Client {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #lines: AsyncIterator<string>

  private constructor(child: ChildProcessWithoutNullStreams, lines: Interface) {
    this.#child = child
    this.#lines = lines[Symbol.asyncIterator]()
  }

  /** Opens the connections; the answers to the first question tell which failed. */
  static open(host: Namespace, plan: Omit<ClientPlan, 'timeout'> & { timeout?: number }): Client {
    const program = fileURLToPath(new URL('programs/client.ts', import.meta.url))
    const whole: ClientPlan = { timeout: 3_000, ...plan }
    const [command, args] = host.command(process.execPath, program, JSON.stringify(whole))
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stderr.pipe(process.stderr)
    return new Client(child, createInterface(child.stdout))
  }

  /** Sends `text` (one line) over every connection. */
  async ask(text: string): Promise<Answer[]> {
    this.#child.stdin.write(`${text}\n`)
    const line = await this.#lines.next()
    if (line.done === true) throw new Error(`the client ended (status ${this.#child.exitCode}) without an answer`)
    return JSON.parse(line.value) as Answer[]
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Opens, asks once, closes. */
export async function ask(
  host: Namespace,
  plan: Omit<ClientPlan, 'timeout'> & { timeout?: number },
  text = 'hello',
): Promise<Answer[]> {
  const client = Client.open(host, plan)
  try {
    return await client.ask(text)
  } finally {
    await client.close()
  }
}
