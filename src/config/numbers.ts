// The numbers of gateway.yaml: what each is where it is not given, and the range in which it may be. docs/configuration.md
// is generated from here.

export interface NumberRule {
  /** Where the field is not given. */
  fallback: number
  min: number
  max: number
  unit?: string
}

/** Times in the data plane are 32 bits of jiffies: 7 days are well below half of their range at 1000 Hz. */
const LONGEST_TIMER = 604_800
const timer = (fallback: number): NumberRule => ({ fallback, min: 1, max: LONGEST_TIMER, unit: 'seconds' })
const count = (fallback: number, min: number, max: number): NumberRule => ({ fallback, min, max })

export const NUMBERS = {
  manifestLimits: {
    fileBytes: { ...count(16_777_216, 1_024, 268_435_456), unit: 'bytes' },
    files: count(200_000, 1, 1_000_000),
  },
  timers: { udp: timer(300), tcpEstablished: timer(7440), tcpTransitory: timer(240), icmp: timer(60) },
  perInterface: {
    /** A quarter of the default of `limits.maxSessions`, which is half of what is given out of them. */
    sessions: count(65_536, 0, 16_777_216),
    /** A slice has 64,512 ports at most, and mappings of UDP live for minutes: nobody opens so many flows for long. */
    newFlowsPerSecond: count(20_000, 0, 4_000_000),
  },
  driftIntervalSeconds: { fallback: 30, min: 1, max: 86_400, unit: 'seconds' },
  /** Sizes of maps, which take memory when they are made. */
  limits: {
    maxSlices: count(65_536, 1, 4_194_304),
    maxInterfaces: count(131_072, 1, 4_194_304),
    maxSessions: count(262_144, 1024, 16_777_216),
    maxDevices: count(16_384, 64, 1_048_576),
  },
} as const
