// usage: node client.ts '<ClientPlan as JSON>'    see ../client.ts
// One socket a source port. Each line on stdin is sent over all of them; the answers are one line of JSON.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import type { Answer, ClientPlan } from '../client.ts'

type Say = (text: string) => Promise<string>

const plan = JSON.parse(process.argv[2] ?? '') as ClientPlan

/** Milliseconds between repeated datagrams. */
const RESEND = 500

/** Rejects late answers, so that a lost packet is an answer too. */
function within<T>(promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error('timeout'))
    }, plan.timeout)
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer)
    })
  })
}

function openTcp(source: number): Promise<Say> {
  return new Promise((resolve, reject) => {
    let answered: (line: string) => void = () => undefined
    let failed: (error: Error) => void = reject
    const socket = connect({ host: plan.address, port: plan.port, localPort: source }, () => {
      resolve(
        (text) =>
          new Promise((line, error) => {
            answered = line
            failed = error
            if (socket.destroyed) error(new Error('closed'))
            else socket.write(`${text}\n`)
          }),
      )
    })
    socket.setNoDelay(true)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failed(new Error(error.code ?? error.message))
    })
    socket.on('close', () => {
      failed(new Error('closed'))
    })
    const lines = createInterface(socket)
    lines.on('line', (line) => {
      answered(line)
    })
    // An interface passes on the errors of its socket, which has a listener of its own.
    lines.on('error', () => undefined)
  })
}

function openUdp(source: number): Promise<Say> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4')
    let answered: (line: string) => void = () => undefined
    let failed: (error: Error) => void = reject
    socket.on('message', (message) => {
      answered(message.toString())
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      failed(new Error(error.code ?? error.message))
    })
    socket.bind(source, () => {
      socket.connect(plan.port, plan.address, () => {
        resolve(
          (text) =>
            new Promise((line, error) => {
              // Datagrams get lost, above all in a burst: repeated, as any UDP client does.
              const again = setInterval(() => {
                socket.send(text)
              }, RESEND)
              const done = (): void => {
                clearInterval(again)
              }
              setTimeout(done, plan.timeout).unref()
              answered = (answer) => {
                if (!answer.endsWith(text)) return
                done()
                line(answer)
              }
              failed = error
              socket.send(text)
            }),
        )
      })
    })
  })
}

async function answerOf(source: number, attempt: Promise<string>): Promise<Answer> {
  try {
    return { source, reply: await attempt }
  } catch (error) {
    return { source, error: (error as Error).message }
  }
}

const open = plan.protocol === 'tcp' ? openTcp : openUdp
const sockets = plan.sources.map((source) => {
  const socket = within(open(source))
  // Reported as the answer to the first line.
  socket.catch(() => undefined)
  return { source, socket }
})
for await (const text of createInterface(process.stdin)) {
  const answers = sockets.map(({ source, socket }) =>
    answerOf(
      source,
      socket.then((say) => within(say(text))),
    ),
  )
  console.log(JSON.stringify(await Promise.all(answers)))
}
process.exit(0)
