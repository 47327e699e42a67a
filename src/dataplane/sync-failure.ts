import type { ErrorCode } from '../errors/errors.ts'
import { NatGwError } from '../errors/errors.ts'
import type { Address } from '../net/address.ts'

/** The interfaces that a missing map entry concerns. */
export type Affected =
  /** Key of a NetworkInterface. */
  | { scope: 'interface'; name: string }
  | { scope: 'inside-address'; vni: number; address: Address }
  /** Every interface behind a private device. */
  | { scope: 'device'; ifindex: number }
  /** Every interface with a slice of a public address. */
  | { scope: 'public-address'; address: Address }
  | { scope: 'every-interface' }
  /** No interface by itself: a route, a next hop, an address of the host. */
  | { scope: 'no-interface' }

/** A part of the desired state that is not in the maps; the rest was written all the same. */
export class SyncFailure extends NatGwError {
  // Private, since logs show every public member: an Address is a bigint, which JSON cannot hold exactly.
  readonly #affects: Affected

  constructor(
    code: ErrorCode,
    message: string,
    affects: Affected,
    details: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(code, message, details, options)
    this.#affects = affects
  }

  get affects(): Affected {
    return this.#affects
  }

  static from(error: NatGwError, affects: Affected): SyncFailure {
    return new SyncFailure(error.code, error.message, affects, error.details, { cause: error.cause })
  }
}
