/** Why something of a gateway does not work, in the words of a condition. */
export interface Obstacle {
  reason: string
  message: string
}

/** What is known on this host of ways out and addresses, which objects do not tell. */
export interface Outlook {
  /** Why nobody gets out, whatever the gateways say. */
  blocker(): Obstacle | undefined
  /** What is wrong with a public address. */
  addressProblem(ip: string): Obstacle | undefined
  /** @param listener called when answers may have changed. @returns function that ends it */
  onChange(listener: () => void): () => void
}

/** Where nobody looks at the host. */
export const UNKNOWN_OUTLOOK: Outlook = {
  blocker: () => undefined,
  addressProblem: () => undefined,
  onChange: () => () => undefined,
}
