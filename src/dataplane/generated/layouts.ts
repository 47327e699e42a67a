// Generated from the BTF of build/bpf/natgw.bpf.o by scripts/generate-layouts.ts. Do not edit.
import { getBytes, getCount, setBytes, setCount, u32Codec, u64Codec } from '../codec.ts'
import type { Codec, MapLayout, MapShape, OuterMapLayout } from '../codec.ts'
import type { LaidOut } from '../compatibility.ts'

export const NatProtocol = {
  NAT_PROTOCOL_TCP: 0,
  NAT_PROTOCOL_UDP: 1,
  NAT_PROTOCOL_ICMP: 2,
  NAT_PROTOCOLS: 3,
} as const
export type NatProtocol = (typeof NatProtocol)[keyof typeof NatProtocol]
export const natProtocolNames: Readonly<Record<number, string>> = {
  0: 'tcp',
  1: 'udp',
  2: 'icmp',
}

export const Limits = {
  MAX_SLOT_BLOCKS: 4096,
  MAX_NEXT_HOPS: 1024,
  MAX_COUNTERS: 64,
  MAX_DROP_REASONS: 128,
} as const
export type Limits = (typeof Limits)[keyof typeof Limits]

export const SlotConstants = {
  SLOT_BLOCK_SHIFT: 16,
  BLOCK_SLOTS: 65536,
  GROUP_SLOTS: 64,
  BLOCK_GROUPS: 1024,
} as const
export type SlotConstants = (typeof SlotConstants)[keyof typeof SlotConstants]

export const HostFilterConstants = {
  HOST_FILTER_FACTOR: 2654435761,
  HOST_FILTER_SHIFT: 26,
} as const
export type HostFilterConstants = (typeof HostFilterConstants)[keyof typeof HostFilterConstants]

export const LayoutVersions = {
  LAYOUT_SLOT_BLOCKS: 1,
  LAYOUT_SESSIONS: 1,
} as const
export type LayoutVersions = (typeof LayoutVersions)[keyof typeof LayoutVersions]

export const SettingsFlags = {
  SETTINGS_UDP_OUTBOUND_REFRESH: 1,
} as const
export type SettingsFlags = (typeof SettingsFlags)[keyof typeof SettingsFlags]

export const DeviceConstants = {
  DEVICE_MACS: 4,
  MAC_BYTES: 6,
} as const
export type DeviceConstants = (typeof DeviceConstants)[keyof typeof DeviceConstants]

export const InterfaceFlags = {
  INTERFACE_AMBIGUOUS: 1,
} as const
export type InterfaceFlags = (typeof InterfaceFlags)[keyof typeof InterfaceFlags]

export const SliceConstants = {
  NO_SLICE: 4294967295,
} as const
export type SliceConstants = (typeof SliceConstants)[keyof typeof SliceConstants]

export const AddressFlags = {
  ADDRESS_SHARED: 1,
} as const
export type AddressFlags = (typeof AddressFlags)[keyof typeof AddressFlags]

export const NextHopKind = {
  NEXT_HOP_NONE: 0,
  NEXT_HOP_ETHERNET: 1,
  NEXT_HOP_IPIP6: 2,
  NEXT_HOP_HAIRPIN: 3,
  NEXT_HOP_HOST: 4,
} as const
export type NextHopKind = (typeof NextHopKind)[keyof typeof NextHopKind]
export const nextHopKindNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'ethernet',
  2: 'ipip6',
  3: 'hairpin',
  4: 'host',
}

export const NextHopFlags = {
  NEXT_HOP_KIND: 15,
  NEXT_HOP_RESOLVED: 16,
  NEXT_HOP_BOUND: 32,
} as const
export type NextHopFlags = (typeof NextHopFlags)[keyof typeof NextHopFlags]

export const BindingKind = {
  BINDING_NONE: 0,
  BINDING_NAT_SLICE: 1,
  BINDING_ONE_TO_ONE: 2,
  BINDING_LOAD_BALANCER: 3,
  BINDING_REMOTE: 4,
} as const
export type BindingKind = (typeof BindingKind)[keyof typeof BindingKind]
export const bindingKindNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'nat_slice',
  2: 'one_to_one',
  3: 'load_balancer',
  4: 'remote',
}

export const TcpState = {
  TCP_NONE: 0,
  TCP_OPENING: 1,
  TCP_ESTABLISHED: 2,
  TCP_FIN_OUT: 3,
  TCP_FIN_IN: 4,
  TCP_CLOSING: 5,
  TCP_RESET: 6,
  TCP_HALF_OPEN: 7,
  TCP_RESUMING: 8,
} as const
export type TcpState = (typeof TcpState)[keyof typeof TcpState]
export const tcpStateNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'opening',
  2: 'established',
  3: 'fin_out',
  4: 'fin_in',
  5: 'closing',
  6: 'reset',
  7: 'half_open',
  8: 'resuming',
}

export const SessionTcp = {
  SESSION_TCP_STATE: 15,
  SESSION_TCP_SCALE: 4,
} as const
export type SessionTcp = (typeof SessionTcp)[keyof typeof SessionTcp]
export const sessionTcpNames: Readonly<Record<number, string>> = {
  15: 'state',
  4: 'scale',
}

export const WordState = {
  WORD_FREE: 0,
  WORD_LIVE: 1,
  WORD_BUSY: 2,
} as const
export type WordState = (typeof WordState)[keyof typeof WordState]
export const wordStateNames: Readonly<Record<number, string>> = {
  0: 'free',
  1: 'live',
  2: 'busy',
}

export const WordConstants = {
  WORD_STATE: 3,
  WORD_GENERATION_SHIFT: 2,
  WORD_GENERATION: 16383,
  OWNER_PORT_SHIFT: 16,
  OWNER_EPOCH_SHIFT: 32,
  MAPPING_SLOT_SHIFT: 32,
} as const
export type WordConstants = (typeof WordConstants)[keyof typeof WordConstants]

export const RemoteConstants = {
  REMOTE_ADDRESS_SHIFT: 16,
} as const
export type RemoteConstants = (typeof RemoteConstants)[keyof typeof RemoteConstants]

export const SessionRoute = {
  ROUTE_HOP_BITS: 10,
} as const
export type SessionRoute = (typeof SessionRoute)[keyof typeof SessionRoute]
export const sessionRouteNames: Readonly<Record<number, string>> = {
  10: 'hop_bits',
}

export const SlotFlags = {
  SLOT_OVERFLOW: 1,
  SLOT_SECOND_HASH: 2,
} as const
export type SlotFlags = (typeof SlotFlags)[keyof typeof SlotFlags]

export const RouteFlags = {
  ROUTE_ON_LINK: 1,
  ROUTE_REJECT: 2,
  ROUTE_INSIDE: 4,
} as const
export type RouteFlags = (typeof RouteFlags)[keyof typeof RouteFlags]

export const Counter = {
  COUNTER_OUT_PACKETS: 0,
  COUNTER_OUT_BYTES: 1,
  COUNTER_IN_PACKETS: 2,
  COUNTER_IN_BYTES: 3,
  COUNTER_ICMP_ERRORS: 4,
  COUNTER_TO_HOST_PRIVATE: 5,
  COUNTER_TO_HOST_UPLINK: 6,
  COUNTER_ARP_REPLIES: 7,
  COUNTER_MAPPINGS_CREATED: 8,
  COUNTER_MAPPINGS_EXPIRED: 9,
  COUNTER_SESSIONS_CREATED: 10,
  COUNTER_SESSIONS_EXPIRED: 11,
  COUNTER_EXPIRY_PASSES: 12,
  COUNTERS: 13,
} as const
export type Counter = (typeof Counter)[keyof typeof Counter]
export const counterNames: Readonly<Record<number, string>> = {
  0: 'out_packets',
  1: 'out_bytes',
  2: 'in_packets',
  3: 'in_bytes',
  4: 'icmp_errors',
  5: 'to_host_private',
  6: 'to_host_uplink',
  7: 'arp_replies',
  8: 'mappings_created',
  9: 'mappings_expired',
  10: 'sessions_created',
  11: 'sessions_expired',
  12: 'expiry_passes',
}

export const DropReason = {
  DROP_NONE: 0,
  DROP_MALFORMED: 1,
  DROP_NOT_IPV4: 2,
  DROP_FRAGMENT: 3,
  DROP_PROTOCOL: 4,
  DROP_ICMP_TYPE: 5,
  DROP_SPOOFED_SOURCE: 6,
  DROP_UNKNOWN_SOURCE: 7,
  DROP_NO_SLICE: 8,
  DROP_SLICE_FULL: 9,
  DROP_SESSION_TABLE_FULL: 10,
  DROP_CONTENDED: 11,
  DROP_TCP_NOT_SYN: 12,
  DROP_DESTINATION: 13,
  DROP_NO_ROUTE: 14,
  DROP_NO_NEIGHBOUR: 15,
  DROP_TTL_EXPIRED: 16,
  DROP_TOO_BIG: 17,
  DROP_NO_MAPPING: 18,
  DROP_FILTERED: 19,
  DROP_UNSOLICITED_ICMP: 20,
  DROP_NOT_A_SLICE: 21,
  DROP_ICMP_NO_SESSION: 22,
  DROP_INTERNAL: 23,
  DROP_DISABLED: 24,
  DROP_CHECKSUM: 25,
  DROP_SOURCE_ROUTE: 26,
  DROP_IP_OPTION: 27,
  DROP_VLAN: 28,
  DROP_OTHER_MAC: 29,
  DROP_INSIDE_ADDRESS: 30,
  DROP_AMBIGUOUS_SOURCE: 31,
  DROP_ICMP_DESTINATION: 32,
  DROP_SESSION_LIMIT: 33,
  DROP_FLOW_RATE: 34,
  DROP_SPOOFED_MAC: 35,
  DROP_UNSUPPORTED: 36,
  DROP_REASONS: 37,
} as const
export type DropReason = (typeof DropReason)[keyof typeof DropReason]
export const dropReasonNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'malformed',
  2: 'not_ipv4',
  3: 'fragment',
  4: 'protocol',
  5: 'icmp_type',
  6: 'spoofed_source',
  7: 'unknown_source',
  8: 'no_slice',
  9: 'slice_full',
  10: 'session_table_full',
  11: 'contended',
  12: 'tcp_not_syn',
  13: 'destination',
  14: 'no_route',
  15: 'no_neighbour',
  16: 'ttl_expired',
  17: 'too_big',
  18: 'no_mapping',
  19: 'filtered',
  20: 'unsolicited_icmp',
  21: 'not_a_slice',
  22: 'icmp_no_session',
  23: 'internal',
  24: 'disabled',
  25: 'checksum',
  26: 'source_route',
  27: 'ip_option',
  28: 'vlan',
  29: 'other_mac',
  30: 'inside_address',
  31: 'ambiguous_source',
  32: 'icmp_destination',
  33: 'session_limit',
  34: 'flow_rate',
  35: 'spoofed_mac',
  36: 'unsupported',
}

export const LossError = {
  LOSS_QUEUE_FULL: 0,
} as const
export type LossError = (typeof LossError)[keyof typeof LossError]
export const lossErrorNames: Readonly<Record<number, string>> = {
  0: 'queue_full',
}

export const EventType = {
  EVENT_NEIGHBOUR_MISSING: 1,
  EVENT_SLICE_FULL: 2,
} as const
export type EventType = (typeof EventType)[keyof typeof EventType]
export const eventTypeNames: Readonly<Record<number, string>> = {
  1: 'neighbour_missing',
  2: 'slice_full',
}

export const CallResult = {
  CALL_DONE: 0,
  CALL_NOT_THERE: 1,
  CALL_LOCKED: 2,
} as const
export type CallResult = (typeof CallResult)[keyof typeof CallResult]
export const callResultNames: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'not_there',
  2: 'locked',
}

export interface Settings {
  uplinkIfindex: number
  hz: number
  udpTimeout: number
  tcpEstablished: number
  tcpTransitory: number
  icmpTimeout: number
  portReuseDelay: number
  routeGeneration: number
  sliceCount: number
  sessionMask: number
  enabled: number
  uplinkMac: Uint8Array
  flags: number
  newFlowRate: number
  sessionSecret: bigint
  hostFilter: bigint
  sessionCapacity: number
  sliceSessions: number
}
export const settingsCodec: Codec<Settings> = {
  size: 80,
  encode(view, at, value) {
    view.setUint32(at, value.uplinkIfindex, true)
    view.setUint32(at + 4, value.hz, true)
    view.setUint32(at + 8, value.udpTimeout, true)
    view.setUint32(at + 12, value.tcpEstablished, true)
    view.setUint32(at + 16, value.tcpTransitory, true)
    view.setUint32(at + 20, value.icmpTimeout, true)
    view.setUint32(at + 24, value.portReuseDelay, true)
    view.setUint32(at + 28, value.routeGeneration, true)
    view.setUint32(at + 32, value.sliceCount, true)
    view.setUint32(at + 36, value.sessionMask, true)
    view.setUint32(at + 40, value.enabled, true)
    setBytes(view, at + 44, 6, value.uplinkMac)
    view.setUint16(at + 50, value.flags, true)
    view.setUint32(at + 52, value.newFlowRate, true)
    view.setBigUint64(at + 56, value.sessionSecret, true)
    view.setBigUint64(at + 64, value.hostFilter, true)
    view.setUint32(at + 72, value.sessionCapacity, true)
    view.setUint32(at + 76, value.sliceSessions, true)
  },
  decode(view, at) {
    return {
      uplinkIfindex: view.getUint32(at, true),
      hz: view.getUint32(at + 4, true),
      udpTimeout: view.getUint32(at + 8, true),
      tcpEstablished: view.getUint32(at + 12, true),
      tcpTransitory: view.getUint32(at + 16, true),
      icmpTimeout: view.getUint32(at + 20, true),
      portReuseDelay: view.getUint32(at + 24, true),
      routeGeneration: view.getUint32(at + 28, true),
      sliceCount: view.getUint32(at + 32, true),
      sessionMask: view.getUint32(at + 36, true),
      enabled: view.getUint32(at + 40, true),
      uplinkMac: getBytes(view, at + 44, 6),
      flags: view.getUint16(at + 50, true),
      newFlowRate: view.getUint32(at + 52, true),
      sessionSecret: view.getBigUint64(at + 56, true),
      hostFilter: view.getBigUint64(at + 64, true),
      sessionCapacity: view.getUint32(at + 72, true),
      sliceSessions: view.getUint32(at + 76, true),
    }
  },
}

export interface Device {
  vni: number
  macs: Uint8Array
}
export const deviceCodec: Codec<Device> = {
  size: 28,
  encode(view, at, value) {
    view.setUint32(at, value.vni, true)
    setBytes(view, at + 4, 24, value.macs)
  },
  decode(view, at) {
    return {
      vni: view.getUint32(at, true),
      macs: getBytes(view, at + 4, 24),
    }
  },
}

export interface InterfaceKey {
  vni: number
  address: number
}
export const interfaceKeyCodec: Codec<InterfaceKey> = {
  size: 8,
  encode(view, at, value) {
    view.setUint32(at, value.vni, true)
    view.setUint32(at + 4, value.address, false)
  },
  decode(view, at) {
    return {
      vni: view.getUint32(at, true),
      address: view.getUint32(at + 4, false),
    }
  },
}

export interface Interface {
  slice: number
  ifindex: number
  flags: number
}
export const interfaceCodec: Codec<Interface> = {
  size: 12,
  encode(view, at, value) {
    view.setUint32(at, value.slice, true)
    view.setUint32(at + 4, value.ifindex, true)
    view.setUint32(at + 8, value.flags, true)
  },
  decode(view, at) {
    return {
      slice: view.getUint32(at, true),
      ifindex: view.getUint32(at + 4, true),
      flags: view.getUint32(at + 8, true),
    }
  },
}

export interface AddressKey {
  address: number
}
export const addressKeyCodec: Codec<AddressKey> = {
  size: 4,
  encode(view, at, value) {
    view.setUint32(at, value.address, false)
  },
  decode(view, at) {
    return {
      address: view.getUint32(at, false),
    }
  },
}

export interface Address {
  firstSlice: number
  firstPort: number
  lastPort: number
  sliceSize: number
  flags: number
}
export const addressCodec: Codec<Address> = {
  size: 12,
  encode(view, at, value) {
    view.setUint32(at, value.firstSlice, true)
    view.setUint16(at + 4, value.firstPort, true)
    view.setUint16(at + 6, value.lastPort, true)
    view.setUint16(at + 8, value.sliceSize, true)
    view.setUint16(at + 10, value.flags, true)
  },
  decode(view, at) {
    return {
      firstSlice: view.getUint32(at, true),
      firstPort: view.getUint16(at + 4, true),
      lastPort: view.getUint16(at + 6, true),
      sliceSize: view.getUint16(at + 8, true),
      flags: view.getUint16(at + 10, true),
    }
  },
}

export interface NextHop {
  destinationMac: Uint8Array
  flags: number
  sourceMac: Uint8Array
  mtu: number
  ifindex: number
}
export const nextHopCodec: Codec<NextHop> = {
  size: 20,
  encode(view, at, value) {
    setBytes(view, at, 6, value.destinationMac)
    view.setUint16(at + 6, value.flags, true)
    setBytes(view, at + 8, 6, value.sourceMac)
    view.setUint16(at + 14, value.mtu, true)
    view.setUint32(at + 16, value.ifindex, true)
  },
  decode(view, at) {
    return {
      destinationMac: getBytes(view, at, 6),
      flags: view.getUint16(at + 6, true),
      sourceMac: getBytes(view, at + 8, 6),
      mtu: view.getUint16(at + 14, true),
      ifindex: view.getUint32(at + 16, true),
    }
  },
}

export interface Binding {
  secret: bigint
  firstSlots: [number, number, number]
  publicAddress: number
  insideAddress: number
  vni: number
  firstPort: number
  size: number
  epoch: number
  inside: NextHop
  kind: number
}
export const bindingCodec: Codec<Binding> = {
  size: 64,
  encode(view, at, value) {
    view.setBigUint64(at, value.secret, true)
    view.setUint32(at + 8, value.firstSlots[0], true)
    view.setUint32(at + 12, value.firstSlots[1], true)
    view.setUint32(at + 16, value.firstSlots[2], true)
    view.setUint32(at + 20, value.publicAddress, false)
    view.setUint32(at + 24, value.insideAddress, false)
    view.setUint32(at + 28, value.vni, true)
    view.setUint16(at + 32, value.firstPort, true)
    view.setUint16(at + 34, value.size, true)
    view.setUint32(at + 36, value.epoch, true)
    nextHopCodec.encode(view, at + 40, value.inside)
    view.setUint16(at + 60, value.kind, true)
    view.setUint16(at + 62, 0, true)
  },
  decode(view, at) {
    return {
      secret: view.getBigUint64(at, true),
      firstSlots: [view.getUint32(at + 8, true), view.getUint32(at + 12, true), view.getUint32(at + 16, true)],
      publicAddress: view.getUint32(at + 20, false),
      insideAddress: view.getUint32(at + 24, false),
      vni: view.getUint32(at + 28, true),
      firstPort: view.getUint16(at + 32, true),
      size: view.getUint16(at + 34, true),
      epoch: view.getUint32(at + 36, true),
      inside: nextHopCodec.decode(view, at + 40),
      kind: view.getUint16(at + 60, true),
    }
  },
}

export interface SliceState {
  lock: number
  used: [number, number, number]
  overflow: [number, number, number]
  peak: [number, number, number]
  refused: number
  flowBucket: bigint
  sessions: number
  reported: [number, number]
}
export const sliceStateCodec: Codec<SliceState> = {
  size: 64,
  encode(view, at, value) {
    view.setUint32(at, value.lock, true)
    view.setUint32(at + 4, value.used[0], true)
    view.setUint32(at + 8, value.used[1], true)
    view.setUint32(at + 12, value.used[2], true)
    view.setUint32(at + 16, value.overflow[0], true)
    view.setUint32(at + 20, value.overflow[1], true)
    view.setUint32(at + 24, value.overflow[2], true)
    view.setUint32(at + 28, value.peak[0], true)
    view.setUint32(at + 32, value.peak[1], true)
    view.setUint32(at + 36, value.peak[2], true)
    setCount(view, at + 40, value.refused)
    view.setBigUint64(at + 48, value.flowBucket, true)
    view.setUint32(at + 56, value.sessions, true)
    view.setUint16(at + 60, value.reported[0], true)
    view.setUint16(at + 62, value.reported[1], true)
  },
  decode(view, at) {
    return {
      lock: view.getUint32(at, true),
      used: [view.getUint32(at + 4, true), view.getUint32(at + 8, true), view.getUint32(at + 12, true)],
      overflow: [view.getUint32(at + 16, true), view.getUint32(at + 20, true), view.getUint32(at + 24, true)],
      peak: [view.getUint32(at + 28, true), view.getUint32(at + 32, true), view.getUint32(at + 36, true)],
      refused: getCount(view, at + 40),
      flowBucket: view.getBigUint64(at + 48, true),
      sessions: view.getUint32(at + 56, true),
      reported: [view.getUint16(at + 60, true), view.getUint16(at + 62, true)],
    }
  },
}

export interface Session {
  remote: bigint
  outBytes: number
  inBytes: number
  outPackets: number
  inPackets: number
  expires: number
  route: number
  sequence: number
  tcp: number
  window: number
  flags: number
}
export const sessionCodec: Codec<Session> = {
  size: 48,
  encode(view, at, value) {
    view.setBigUint64(at, value.remote, true)
    setCount(view, at + 8, value.outBytes)
    setCount(view, at + 16, value.inBytes)
    view.setUint32(at + 24, value.outPackets, true)
    view.setUint32(at + 28, value.inPackets, true)
    view.setUint32(at + 32, value.expires, true)
    view.setUint32(at + 36, value.route, true)
    view.setUint32(at + 40, value.sequence, true)
    view.setUint8(at + 44, value.tcp)
    view.setUint8(at + 45, value.window)
    view.setUint16(at + 46, value.flags, true)
  },
  decode(view, at) {
    return {
      remote: view.getBigUint64(at, true),
      outBytes: getCount(view, at + 8),
      inBytes: getCount(view, at + 16),
      outPackets: view.getUint32(at + 24, true),
      inPackets: view.getUint32(at + 28, true),
      expires: view.getUint32(at + 32, true),
      route: view.getUint32(at + 36, true),
      sequence: view.getUint32(at + 40, true),
      tcp: view.getUint8(at + 44),
      window: view.getUint8(at + 45),
      flags: view.getUint16(at + 46, true),
    }
  },
}

export interface Slot {
  owner: bigint
  further: number
  created: number
  session: Session
}
export const slotCodec: Codec<Slot> = {
  size: 64,
  encode(view, at, value) {
    view.setBigUint64(at, value.owner, true)
    view.setUint32(at + 8, value.further, true)
    view.setUint32(at + 12, value.created, true)
    sessionCodec.encode(view, at + 16, value.session)
  },
  decode(view, at) {
    return {
      owner: view.getBigUint64(at, true),
      further: view.getUint32(at + 8, true),
      created: view.getUint32(at + 12, true),
      session: sessionCodec.decode(view, at + 16),
    }
  },
}

export interface SessionEntry {
  mapping: bigint
  slice: number
  created: number
  session: Session
}
export const sessionEntryCodec: Codec<SessionEntry> = {
  size: 64,
  encode(view, at, value) {
    view.setBigUint64(at, value.mapping, true)
    view.setUint32(at + 8, value.slice, true)
    view.setUint32(at + 12, value.created, true)
    sessionCodec.encode(view, at + 16, value.session)
  },
  decode(view, at) {
    return {
      mapping: view.getBigUint64(at, true),
      slice: view.getUint32(at + 8, true),
      created: view.getUint32(at + 12, true),
      session: sessionCodec.decode(view, at + 16),
    }
  },
}

export interface ChainNode {
  first: number
  next: number
}
export const chainNodeCodec: Codec<ChainNode> = {
  size: 4,
  encode(view, at, value) {
    view.setUint16(at, value.first, true)
    view.setUint16(at + 2, value.next, true)
  },
  decode(view, at) {
    return {
      first: view.getUint16(at, true),
      next: view.getUint16(at + 2, true),
    }
  },
}

export const slotGroupLayout = {
  size: 4544,
  slots: { offset: 0, stride: 64, count: 64 },
  ports: { offset: 4096, stride: 2, count: 64 },
  chain: { offset: 4224, stride: 4, count: 64 },
  taken: { offset: 4480 },
  due: { offset: 4488 },
} as const

export interface RouteKey {
  prefixLength: number
  address: number
}
export const routeKeyCodec: Codec<RouteKey> = {
  size: 8,
  encode(view, at, value) {
    view.setUint32(at, value.prefixLength, true)
    view.setUint32(at + 4, value.address, false)
  },
  decode(view, at) {
    return {
      prefixLength: view.getUint32(at, true),
      address: view.getUint32(at + 4, false),
    }
  },
}

export interface Route {
  nextHop: number
  flags: number
  ifindex: number
}
export const routeCodec: Codec<Route> = {
  size: 8,
  encode(view, at, value) {
    view.setUint16(at, value.nextHop, true)
    view.setUint16(at + 2, value.flags, true)
    view.setUint32(at + 4, value.ifindex, true)
  },
  decode(view, at) {
    return {
      nextHop: view.getUint16(at, true),
      flags: view.getUint16(at + 2, true),
      ifindex: view.getUint32(at + 4, true),
    }
  },
}

export interface NextHopEntry {
  hop: NextHop
  address: number
}
export const nextHopEntryCodec: Codec<NextHopEntry> = {
  size: 24,
  encode(view, at, value) {
    nextHopCodec.encode(view, at, value.hop)
    view.setUint32(at + 20, value.address, false)
  },
  decode(view, at) {
    return {
      hop: nextHopCodec.decode(view, at),
      address: view.getUint32(at + 20, false),
    }
  },
}

export interface HostAddressKey {
  address: Uint8Array
}
export const hostAddressKeyCodec: Codec<HostAddressKey> = {
  size: 16,
  encode(view, at, value) {
    setBytes(view, at, 16, value.address)
  },
  decode(view, at) {
    return {
      address: getBytes(view, at, 16),
    }
  },
}

export interface HostAddress {
  ifindex: number
}
export const hostAddressCodec: Codec<HostAddress> = {
  size: 4,
  encode(view, at, value) {
    view.setUint32(at, value.ifindex, true)
  },
  decode(view, at) {
    return {
      ifindex: view.getUint32(at, true),
    }
  },
}

export interface LossKey {
  ifindex: number
  error: number
}
export const lossKeyCodec: Codec<LossKey> = {
  size: 8,
  encode(view, at, value) {
    view.setUint32(at, value.ifindex, true)
    view.setUint32(at + 4, value.error, true)
  },
  decode(view, at) {
    return {
      ifindex: view.getUint32(at, true),
      error: view.getUint32(at + 4, true),
    }
  },
}

export interface Event {
  type: number
  slice: number
  address: number
  protocol: number
}
export const eventCodec: Codec<Event> = {
  size: 16,
  encode(view, at, value) {
    view.setUint32(at, value.type, true)
    view.setUint32(at + 4, value.slice, true)
    view.setUint32(at + 8, value.address, false)
    view.setUint32(at + 12, value.protocol, true)
  },
  decode(view, at) {
    return {
      type: view.getUint32(at, true),
      slice: view.getUint32(at + 4, true),
      address: view.getUint32(at + 8, false),
      protocol: view.getUint32(at + 12, true),
    }
  },
}

export interface FlushArgs {
  slice: number
  protocol: number
  firstSlot: number
  size: number
  freed: number
}
export const flushArgsCodec: Codec<FlushArgs> = {
  size: 20,
  encode(view, at, value) {
    view.setUint32(at, value.slice, true)
    view.setUint32(at + 4, value.protocol, true)
    view.setUint32(at + 8, value.firstSlot, true)
    view.setUint32(at + 12, value.size, true)
    view.setUint32(at + 16, value.freed, true)
  },
  decode(view, at) {
    return {
      slice: view.getUint32(at, true),
      protocol: view.getUint32(at + 4, true),
      firstSlot: view.getUint32(at + 8, true),
      size: view.getUint32(at + 12, true),
      freed: view.getUint32(at + 16, true),
    }
  },
}

export interface SlotBlocksArgs {
  first: number
  present: bigint
}
export const slotBlocksArgsCodec: Codec<SlotBlocksArgs> = {
  size: 16,
  encode(view, at, value) {
    view.setUint32(at, value.first, true)
    view.setUint32(at + 4, 0, true)
    view.setBigUint64(at + 8, value.present, true)
  },
  decode(view, at) {
    return {
      first: view.getUint32(at, true),
      present: view.getBigUint64(at + 8, true),
    }
  },
}

export interface ClockArgs {
  jiffies: number
  monotonicNs: number
}
export const clockArgsCodec: Codec<ClockArgs> = {
  size: 16,
  encode(view, at, value) {
    setCount(view, at, value.jiffies)
    setCount(view, at + 8, value.monotonicNs)
  },
  decode(view, at) {
    return {
      jiffies: getCount(view, at),
      monotonicNs: getCount(view, at + 8),
    }
  },
}

export interface ExpireArgs {
  steps: number
  visited: number
  freed: number
  passes: number
}
export const expireArgsCodec: Codec<ExpireArgs> = {
  size: 16,
  encode(view, at, value) {
    view.setUint32(at, value.steps, true)
    view.setUint32(at + 4, value.visited, true)
    view.setUint32(at + 8, value.freed, true)
    view.setUint32(at + 12, value.passes, true)
  },
  decode(view, at) {
    return {
      steps: view.getUint32(at, true),
      visited: view.getUint32(at + 4, true),
      freed: view.getUint32(at + 8, true),
      passes: view.getUint32(at + 12, true),
    }
  },
}

export const maps = {
  addresses: { name: 'addresses', type: 1, keySize: 4, valueSize: 12, maxEntries: 4096, flags: 0, key: addressKeyCodec, value: addressCodec } satisfies MapLayout<AddressKey, Address>,
  counters: { name: 'counters', type: 6, keySize: 4, valueSize: 512, maxEntries: 1, flags: 0 } satisfies MapShape,
  devices: { name: 'devices', type: 1, keySize: 4, valueSize: 28, maxEntries: 16384, flags: 1, key: u32Codec, value: deviceCodec } satisfies MapLayout<number, Device>,
  drops: { name: 'drops', type: 6, keySize: 4, valueSize: 8, maxEntries: 128, flags: 0, key: u32Codec, value: u64Codec } satisfies MapLayout<number, bigint>,
  events: { name: 'events', type: 27, keySize: 0, valueSize: 0, maxEntries: 262144, flags: 0 } satisfies MapShape,
  expiryCursors: { name: 'expiry_cursors', type: 2, keySize: 4, valueSize: 40, maxEntries: 2, flags: 0 } satisfies MapShape,
  hostAddresses: { name: 'host_addresses', type: 1, keySize: 16, valueSize: 4, maxEntries: 4096, flags: 0, key: hostAddressKeyCodec, value: hostAddressCodec } satisfies MapLayout<HostAddressKey, HostAddress>,
  interfaces: { name: 'interfaces', type: 1, keySize: 8, valueSize: 12, maxEntries: 131072, flags: 1, key: interfaceKeyCodec, value: interfaceCodec } satisfies MapLayout<InterfaceKey, Interface>,
  lossScope: { name: 'loss_scope', type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0, key: u32Codec, value: u32Codec } satisfies MapLayout<number, number>,
  losses: { name: 'losses', type: 1, keySize: 8, valueSize: 8, maxEntries: 8192, flags: 0, key: lossKeyCodec, value: u64Codec } satisfies MapLayout<LossKey, bigint>,
  nextHops: { name: 'next_hops', type: 2, keySize: 4, valueSize: 24, maxEntries: 1024, flags: 0, key: u32Codec, value: nextHopEntryCodec } satisfies MapLayout<number, NextHopEntry>,
  routes: { name: 'routes', type: 11, keySize: 8, valueSize: 8, maxEntries: 65536, flags: 1, key: routeKeyCodec, value: routeCodec } satisfies MapLayout<RouteKey, Route>,
  sessionUse: { name: 'session_use', type: 2, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0, key: u32Codec, value: u32Codec } satisfies MapLayout<number, number>,
  sessions: { name: 'sessions', type: 2, keySize: 4, valueSize: 64, maxEntries: 262144, flags: 1024, key: u32Codec, value: sessionEntryCodec } satisfies MapLayout<number, SessionEntry>,
  settings: { name: 'settings', type: 2, keySize: 4, valueSize: 80, maxEntries: 1, flags: 0, key: u32Codec, value: settingsCodec } satisfies MapLayout<number, Settings>,
  sliceHints: { name: 'slice_hints', type: 2, keySize: 4, valueSize: 4, maxEntries: 65536, flags: 0, key: u32Codec, value: u32Codec } satisfies MapLayout<number, number>,
  sliceStates: { name: 'slice_states', type: 2, keySize: 4, valueSize: 64, maxEntries: 65536, flags: 1024, key: u32Codec, value: sliceStateCodec } satisfies MapLayout<number, SliceState>,
  slices: { name: 'slices', type: 2, keySize: 4, valueSize: 64, maxEntries: 65536, flags: 1024, key: u32Codec, value: bindingCodec } satisfies MapLayout<number, Binding>,
  slotBlocks: { name: 'slot_blocks', type: 12, keySize: 4, valueSize: 4, maxEntries: 4096, flags: 0, key: u32Codec, inner: { name: 'slot_block', type: 2, keySize: 4, valueSize: 4544, maxEntries: 1024, flags: 1024 } satisfies MapShape } satisfies OuterMapLayout,
}

/** What is laid out in each map. Kept beside the pinned maps, and compared by the next build that loads. */
export const laidOut: Readonly<Record<string, LaidOut>> = {
  addresses: {"type":1,"keySize":4,"valueSize":12,"flags":0,"version":1,"contents":["key 0 be32 address","value 0 u32 first_slice","value 4 u16 first_port","value 6 u16 last_port","value 8 u16 slice_size","value 10 u16 flags"],"meanings":{"address_flags":{"ADDRESS_SHARED":1}}},
  counters: {"type":6,"keySize":4,"valueSize":512,"flags":0,"version":1,"contents":[],"meanings":{"counter":{"COUNTER_OUT_PACKETS":0,"COUNTER_OUT_BYTES":1,"COUNTER_IN_PACKETS":2,"COUNTER_IN_BYTES":3,"COUNTER_ICMP_ERRORS":4,"COUNTER_TO_HOST_PRIVATE":5,"COUNTER_TO_HOST_UPLINK":6,"COUNTER_ARP_REPLIES":7,"COUNTER_MAPPINGS_CREATED":8,"COUNTER_MAPPINGS_EXPIRED":9,"COUNTER_SESSIONS_CREATED":10,"COUNTER_SESSIONS_EXPIRED":11,"COUNTER_EXPIRY_PASSES":12}}},
  devices: {"type":1,"keySize":4,"valueSize":28,"flags":1,"version":1,"contents":["key 0 u32 key","value 0 u32 vni","value 4 u8[24] macs"],"meanings":{}},
  drops: {"type":6,"keySize":4,"valueSize":8,"flags":0,"version":1,"contents":["key 0 u32 key","value 0 u64 value"],"meanings":{"drop_reason":{"DROP_NONE":0,"DROP_MALFORMED":1,"DROP_NOT_IPV4":2,"DROP_FRAGMENT":3,"DROP_PROTOCOL":4,"DROP_ICMP_TYPE":5,"DROP_SPOOFED_SOURCE":6,"DROP_UNKNOWN_SOURCE":7,"DROP_NO_SLICE":8,"DROP_SLICE_FULL":9,"DROP_SESSION_TABLE_FULL":10,"DROP_CONTENDED":11,"DROP_TCP_NOT_SYN":12,"DROP_DESTINATION":13,"DROP_NO_ROUTE":14,"DROP_NO_NEIGHBOUR":15,"DROP_TTL_EXPIRED":16,"DROP_TOO_BIG":17,"DROP_NO_MAPPING":18,"DROP_FILTERED":19,"DROP_UNSOLICITED_ICMP":20,"DROP_NOT_A_SLICE":21,"DROP_ICMP_NO_SESSION":22,"DROP_INTERNAL":23,"DROP_DISABLED":24,"DROP_CHECKSUM":25,"DROP_SOURCE_ROUTE":26,"DROP_IP_OPTION":27,"DROP_VLAN":28,"DROP_OTHER_MAC":29,"DROP_INSIDE_ADDRESS":30,"DROP_AMBIGUOUS_SOURCE":31,"DROP_ICMP_DESTINATION":32,"DROP_SESSION_LIMIT":33,"DROP_FLOW_RATE":34,"DROP_SPOOFED_MAC":35,"DROP_UNSUPPORTED":36}}},
  events: {"type":27,"keySize":0,"valueSize":0,"flags":0,"version":1,"contents":[],"meanings":{}},
  expiry_cursors: {"type":2,"keySize":4,"valueSize":40,"flags":0,"version":1,"contents":["key 0 u32 key","value 16 u32 slice","value 20 u32 protocol","value 24 u32 offset","value 28 u32 session","value 32 u32 passes","value 36 u32 earliest"],"meanings":{}},
  host_addresses: {"type":1,"keySize":16,"valueSize":4,"flags":0,"version":1,"contents":["key 0 u8[16] address","value 0 u32 ifindex"],"meanings":{}},
  interfaces: {"type":1,"keySize":8,"valueSize":12,"flags":1,"version":1,"contents":["key 0 u32 vni","key 4 be32 address","value 0 u32 slice","value 4 u32 ifindex","value 8 u32 flags"],"meanings":{"interface_flags":{"INTERFACE_AMBIGUOUS":1}}},
  loss_scope: {"type":2,"keySize":4,"valueSize":4,"flags":0,"version":1,"contents":["key 0 u32 key","value 0 u32 value"],"meanings":{}},
  losses: {"type":1,"keySize":8,"valueSize":8,"flags":0,"version":1,"contents":["key 0 u32 ifindex","key 4 u32 error","value 0 u64 value"],"meanings":{"loss_error":{"LOSS_QUEUE_FULL":0}}},
  next_hops: {"type":2,"keySize":4,"valueSize":24,"flags":0,"version":1,"contents":["key 0 u32 key","value 0 u8[6] hop.destination_mac","value 6 u16 hop.flags","value 8 u8[6] hop.source_mac","value 14 u16 hop.mtu","value 16 u32 hop.ifindex","value 20 be32 address"],"meanings":{"next_hop_flags":{"NEXT_HOP_KIND":15,"NEXT_HOP_RESOLVED":16,"NEXT_HOP_BOUND":32},"next_hop_kind":{"NEXT_HOP_NONE":0,"NEXT_HOP_ETHERNET":1,"NEXT_HOP_IPIP6":2,"NEXT_HOP_HAIRPIN":3,"NEXT_HOP_HOST":4}}},
  routes: {"type":11,"keySize":8,"valueSize":8,"flags":1,"version":1,"contents":["key 0 u32 prefix_length","key 4 be32 address","value 0 u16 next_hop","value 2 u16 flags","value 4 u32 ifindex"],"meanings":{"route_flags":{"ROUTE_ON_LINK":1,"ROUTE_REJECT":2,"ROUTE_INSIDE":4}}},
  session_use: {"type":2,"keySize":4,"valueSize":4,"flags":0,"version":1,"contents":["key 0 u32 key","value 0 u32 value"],"meanings":{}},
  sessions: {"type":2,"keySize":4,"valueSize":64,"flags":1024,"version":1,"contents":["key 0 u32 key","value 0 u64 mapping","value 8 u32 slice","value 12 u32 created","value 16 u64 session.remote","value 24 u64 session.out_bytes","value 32 u64 session.in_bytes","value 40 u32 session.out_packets","value 44 u32 session.in_packets","value 48 u32 session.expires","value 52 u32 session.route","value 56 u32 session.sequence","value 60 u8 session.tcp","value 61 u8 session.window","value 62 u16 session.flags"],"meanings":{"remote_constants":{"REMOTE_ADDRESS_SHIFT":16},"session_route":{"ROUTE_HOP_BITS":10},"session_tcp":{"SESSION_TCP_STATE":15,"SESSION_TCP_SCALE":4},"slot_flags":{"SLOT_OVERFLOW":1,"SLOT_SECOND_HASH":2},"tcp_state":{"TCP_NONE":0,"TCP_OPENING":1,"TCP_ESTABLISHED":2,"TCP_FIN_OUT":3,"TCP_FIN_IN":4,"TCP_CLOSING":5,"TCP_RESET":6,"TCP_HALF_OPEN":7,"TCP_RESUMING":8},"word_constants":{"WORD_STATE":3,"WORD_GENERATION_SHIFT":2,"WORD_GENERATION":16383,"OWNER_PORT_SHIFT":16,"OWNER_EPOCH_SHIFT":32,"MAPPING_SLOT_SHIFT":32},"word_state":{"WORD_FREE":0,"WORD_LIVE":1,"WORD_BUSY":2}}},
  settings: {"type":2,"keySize":4,"valueSize":80,"flags":0,"version":1,"contents":["key 0 u32 key","value 0 u32 uplink_ifindex","value 4 u32 hz","value 8 u32 udp_timeout","value 12 u32 tcp_established","value 16 u32 tcp_transitory","value 20 u32 icmp_timeout","value 24 u32 port_reuse_delay","value 28 u32 route_generation","value 32 u32 slice_count","value 36 u32 session_mask","value 40 u32 enabled","value 44 u8[6] uplink_mac","value 50 u16 flags","value 52 u32 new_flow_rate","value 56 u64 session_secret","value 64 u64 host_filter","value 72 u32 session_capacity","value 76 u32 slice_sessions"],"meanings":{}},
  slice_hints: {"type":2,"keySize":4,"valueSize":4,"flags":0,"version":1,"contents":["key 0 u32 key","value 0 u32 value"],"meanings":{}},
  slice_states: {"type":2,"keySize":4,"valueSize":64,"flags":1024,"version":1,"contents":["key 0 u32 key","value 0 u32 lock","value 4 u32[3] used","value 16 u32[3] overflow","value 28 u32[3] peak","value 40 u64 refused","value 48 u64 flow_bucket","value 56 u32 sessions","value 60 u16[2] reported"],"meanings":{"event_type":{"EVENT_NEIGHBOUR_MISSING":1,"EVENT_SLICE_FULL":2},"nat_protocol":{"NAT_PROTOCOL_TCP":0,"NAT_PROTOCOL_UDP":1,"NAT_PROTOCOL_ICMP":2}}},
  slices: {"type":2,"keySize":4,"valueSize":64,"flags":1024,"version":1,"contents":["key 0 u32 key","value 0 u64 secret","value 8 u32[3] first_slots","value 20 be32 public_address","value 24 be32 inside_address","value 28 u32 vni","value 32 u16 first_port","value 34 u16 size","value 36 u32 epoch","value 40 u8[6] inside.destination_mac","value 46 u16 inside.flags","value 48 u8[6] inside.source_mac","value 54 u16 inside.mtu","value 56 u32 inside.ifindex","value 60 u16 kind"],"meanings":{"binding_kind":{"BINDING_NONE":0,"BINDING_NAT_SLICE":1,"BINDING_ONE_TO_ONE":2,"BINDING_LOAD_BALANCER":3,"BINDING_REMOTE":4},"next_hop_flags":{"NEXT_HOP_KIND":15,"NEXT_HOP_RESOLVED":16,"NEXT_HOP_BOUND":32},"next_hop_kind":{"NEXT_HOP_NONE":0,"NEXT_HOP_ETHERNET":1,"NEXT_HOP_IPIP6":2,"NEXT_HOP_HAIRPIN":3,"NEXT_HOP_HOST":4},"slot_constants":{"SLOT_BLOCK_SHIFT":16,"BLOCK_SLOTS":65536,"GROUP_SLOTS":64,"BLOCK_GROUPS":1024}}},
  slot_blocks: {"type":12,"keySize":4,"valueSize":4,"flags":0,"version":1,"contents":["key 0 u32 key"],"meanings":{},"inner":{"type":2,"keySize":4,"valueSize":4544,"flags":1024,"version":1,"contents":["key 0 u32 key","value 0 u512[64] slots","value 4096 u16[64] ports","value 4224 u32[64] chain","value 4480 u64 taken","value 4488 u32 due","slot 0 u64 owner","slot 8 u32 further","slot 12 u32 created","slot 16 u64 session.remote","slot 24 u64 session.out_bytes","slot 32 u64 session.in_bytes","slot 40 u32 session.out_packets","slot 44 u32 session.in_packets","slot 48 u32 session.expires","slot 52 u32 session.route","slot 56 u32 session.sequence","slot 60 u8 session.tcp","slot 61 u8 session.window","slot 62 u16 session.flags","chain_node 0 u16 first","chain_node 2 u16 next"],"meanings":{"remote_constants":{"REMOTE_ADDRESS_SHIFT":16},"session_route":{"ROUTE_HOP_BITS":10},"session_tcp":{"SESSION_TCP_STATE":15,"SESSION_TCP_SCALE":4},"slot_constants":{"SLOT_BLOCK_SHIFT":16,"BLOCK_SLOTS":65536,"GROUP_SLOTS":64,"BLOCK_GROUPS":1024},"slot_flags":{"SLOT_OVERFLOW":1,"SLOT_SECOND_HASH":2},"tcp_state":{"TCP_NONE":0,"TCP_OPENING":1,"TCP_ESTABLISHED":2,"TCP_FIN_OUT":3,"TCP_FIN_IN":4,"TCP_CLOSING":5,"TCP_RESET":6,"TCP_HALF_OPEN":7,"TCP_RESUMING":8},"word_constants":{"WORD_STATE":3,"WORD_GENERATION_SHIFT":2,"WORD_GENERATION":16383,"OWNER_PORT_SHIFT":16,"OWNER_EPOCH_SHIFT":32,"MAPPING_SLOT_SHIFT":32},"word_state":{"WORD_FREE":0,"WORD_LIVE":1,"WORD_BUSY":2}},"maxEntries":1024}},
}
