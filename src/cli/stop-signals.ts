// SIGTERM, SIGINT and SIGHUP of `natgw run`. main.ts imports this file before any other: as the first process of a
// container natgw would not even get a signal that it does not handle.

/** Signals that `natgw run` acts on. */
export interface Signals {
  /** Resolves with the first signal that asks for the end. */
  stop: Promise<NodeJS.Signals>
  /** Called at each SIGHUP from now on, and at once when one has come before. */
  onHangUp: (listener: () => void) => void
}

const STOP = ['SIGTERM', 'SIGINT'] as const

/** @param onSecond whoever asks twice does not want to wait for an orderly end */
export function listenToSignals(onSecond: (signal: NodeJS.Signals) => void): Signals {
  let stopping = false
  let hungUp = false
  let listener: (() => void) | undefined
  process.on('SIGHUP', () => {
    hungUp = listener === undefined
    listener?.()
  })
  const stop = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of STOP) {
      process.on(signal, () => {
        if (stopping) onSecond(signal)
        stopping = true
        resolve(signal)
      })
    }
  })
  return {
    stop,
    onHangUp: (next) => {
      listener = next
      if (hungUp) next()
    },
  }
}
