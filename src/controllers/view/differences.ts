import { networkKeyOf } from '../../allocation/lookups.ts'
import type { NATGateway, NetworkInterface, ObjectKey, Resource } from '../../api/index.ts'
import { conditionOf } from '../../api/index.ts'

// What of a change matters to others than the object itself.

export function sameSpec(old: Resource | undefined, present: Resource | undefined): boolean {
  return (
    old?.metadata.uid === present?.metadata.uid &&
    old?.metadata.generation === present?.metadata.generation &&
    old?.metadata.deletionTimestamp === present?.metadata.deletionTimestamp
  )
}

export function networksOf(...objects: (NetworkInterface | NATGateway | undefined)[]): Set<ObjectKey> {
  return new Set(objects.flatMap((object) => (object === undefined ? [] : [networkKeyOf(object)])))
}

/** All that an interface without a slice says about its gateway. */
export function whyNotServed(gateway: NATGateway | undefined): string {
  const slices = gateway?.status?.slices
  const addresses = gateway?.status?.ips?.length
  return `${gateway && conditionOf(gateway, 'Ready')?.reason} ${addresses} ${slices?.total}`
}
