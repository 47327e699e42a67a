import type { Contender } from '../../allocation/holder.ts'
import { addressContender, comesBefore } from '../../allocation/holder.ts'
import { networkKeyOf } from '../../allocation/lookups.ts'
import type { NetworkInterface, ObjectKey } from '../../api/index.ts'
import { keyOf } from '../../api/index.ts'
import { formatAddress, tryParseAddress } from '../../net/address.ts'

const NONE: readonly NetworkInterface[] = []

/** Those of one Network that want one address. */
interface Contest {
  all: Map<ObjectKey, NetworkInterface>
  holder: NetworkInterface
}

/**
 * Which interfaces a Network has, and which of them holds an address that several want (`comesBefore`). Decided again only
 * when one comes or goes.
 */
export class InterfaceIndex {
  readonly #byNetwork = new Map<ObjectKey, Map<ObjectKey, NetworkInterface>>()
  readonly #byUid = new Map<string, NetworkInterface>()
  /** Whoever is the only one that wants an address stands here itself: nearly all do, and there are 100,000. */
  readonly #contests = new Map<string, Contest | NetworkInterface>()
  readonly #hasSlice: (uid: string) => boolean

  /** @param hasSlice whether the interface of that uid has a slice */
  constructor(hasSlice: (uid: string) => boolean) {
    this.#hasSlice = hasSlice
  }

  /** @returns other interfaces for whose addresses the holder changed */
  replace(old: NetworkInterface | undefined, present: NetworkInterface | undefined): readonly NetworkInterface[] {
    const object = present ?? old
    const affected = new Map<ObjectKey, NetworkInterface>()
    if (object === undefined) return NONE
    const key = keyOf(object.metadata)
    if (old !== undefined) this.#byUid.delete(old.metadata.uid)
    if (present !== undefined) this.#byUid.set(present.metadata.uid, present)
    this.#replaceInNetwork(key, old, present)
    // A contest is about spec, uid and age alone: whoever only reports something stays in it as it is.
    if (old !== undefined && old.spec === present?.spec && old.metadata.uid === present.metadata.uid) return NONE
    const before = new Set(old ? contested(old) : [])
    const after = new Set(present ? contested(present) : [])
    for (const name of before) if (!after.has(name)) this.#leave(name, key, affected)
    if (present !== undefined) for (const name of after) this.#join(name, key, present, affected)
    affected.delete(key)
    return affected.size === 0 ? NONE : [...affected.values()]
  }

  ofNetwork(networkKey: ObjectKey): Iterable<NetworkInterface> {
    return this.#byNetwork.get(networkKey)?.values() ?? []
  }

  withUid(uid: string): NetworkInterface | undefined {
    return this.#byUid.get(uid)
  }

  /** Who holds the address: the interface itself unless another one of its Network does. */
  holderOf(networkInterface: NetworkInterface, address: string): NetworkInterface {
    const standing = this.#contests.get(contestName(networkInterface, address))
    return isContest(standing) ? standing.holder : (standing ?? networkInterface)
  }

  #replaceInNetwork(key: ObjectKey, old: NetworkInterface | undefined, present: NetworkInterface | undefined): void {
    const before = old && networkKeyOf(old)
    const after = present && networkKeyOf(present)
    if (before !== undefined && before !== after) {
      const members = this.#byNetwork.get(before)
      members?.delete(key)
      if (members?.size === 0) this.#byNetwork.delete(before)
    }
    if (after === undefined || present === undefined) return
    const members = this.#byNetwork.get(after)
    if (members === undefined) this.#byNetwork.set(after, new Map([[key, present]]))
    else members.set(key, present)
  }

  #join(name: string, key: ObjectKey, present: NetworkInterface, affected: Map<ObjectKey, NetworkInterface>): void {
    const standing = this.#contests.get(name)
    if (standing === undefined || (!isContest(standing) && keyOf(standing.metadata) === key)) {
      this.#contests.set(name, present)
      return
    }
    const contest = isContest(standing)
      ? standing
      : { all: new Map([[keyOf(standing.metadata), standing]]), holder: standing }
    this.#contests.set(name, contest)
    const replaced = contest.all.get(key)
    contest.all.set(key, present)
    const sameOne = replaced?.metadata.uid === present.metadata.uid
    if (contest.holder === replaced) {
      // Under another uid it is another interface, which has to stand against all.
      if (sameOne) contest.holder = present
      else this.#decide(contest, affected)
    } else if (!sameOne && this.#before(present, contest.holder)) this.#crown(contest, present, affected)
  }

  #leave(name: string, key: ObjectKey, affected: Map<ObjectKey, NetworkInterface>): void {
    const contest = this.#contests.get(name)
    if (!isContest(contest)) {
      if (contest !== undefined && keyOf(contest.metadata) === key) this.#contests.delete(name)
      return
    }
    const leaver = contest.all.get(key)
    if (leaver === undefined) return
    contest.all.delete(key)
    if (contest.all.size === 0) this.#contests.delete(name)
    else if (contest.holder === leaver) this.#decide(contest, affected)
  }

  #decide(contest: Contest, affected: Map<ObjectKey, NetworkInterface>): void {
    const all = [...contest.all.values()]
    this.#crown(
      contest,
      all.reduce((best, each) => (this.#before(each, best) ? each : best)),
      affected,
    )
  }

  #crown(contest: Contest, holder: NetworkInterface, affected: Map<ObjectKey, NetworkInterface>): void {
    const same = contest.holder.metadata.uid === holder.metadata.uid
    contest.holder = holder
    if (!same) for (const [key, each] of contest.all) affected.set(key, each)
  }

  #before(a: NetworkInterface, b: NetworkInterface): boolean {
    return comesBefore(this.#contender(a), this.#contender(b))
  }

  /** A contest keeps objects as they were when they joined; their status may have changed since. */
  #contender(joined: NetworkInterface): Contender {
    const { uid } = joined.metadata
    return addressContender(this.#byUid.get(uid) ?? joined, this.#hasSlice(uid))
  }
}

function isContest(standing: Contest | NetworkInterface | undefined): standing is Contest {
  return standing !== undefined && 'holder' in standing
}

function contested(networkInterface: NetworkInterface): string[] {
  return networkInterface.spec.ips.map(({ value }) => contestName(networkInterface, value))
}

function contestName(networkInterface: NetworkInterface, address: string): string {
  // IPv6 has many texts for one address.
  const parsed = address.includes(':') ? tryParseAddress(address) : undefined
  return `${networkKeyOf(networkInterface)} ${parsed === undefined ? address : formatAddress(parsed)}`
}
