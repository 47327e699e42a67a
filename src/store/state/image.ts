import type { GroupKind, ObjectKey, Resource } from '../../api/index.ts'
import {
  groupKindOf,
  IP_ADDRESS,
  keyOf,
  NAT_GATEWAY,
  NAT_TABLE,
  NETWORK,
  NETWORK_ID,
  NETWORK_INTERFACE,
} from '../../api/index.ts'
import { NatGwError } from '../../errors/errors.ts'
import { adopt } from '../adopt.ts'
import type { WatchEvent } from '../store.ts'
import { decodeHeader, decodeMarks, decodeRecord, FIRST_RECORD, FORMAT_VERSION } from './format.ts'

/** From which length on a record of an image ends. */
const RECORD_CHARACTERS = 256 * 1024

/** What a record says: objects as they are after it, and which are gone. */
interface RecordContent {
  resourceVersion: number
  put: Resource[]
  /** By `idOf`; in a file of version 1 by kind without group. */
  removed: string[]
}

/** All objects at one moment, by `idOf`. */
export interface Image {
  objects: Map<string, Resource>
  resourceVersion: number
}

/** What is in a state file. */
export interface StateContent extends Image {
  /** Of the format. */
  version: number
  fileSize: number
  /** Byte after the last record. */
  end: number
  /** Bytes from `end` on that a write left there which was never acknowledged. */
  tornBytes: number
}

function idOf(kind: string, key: ObjectKey): string {
  return `${kind} ${key}`
}

/** What a group of changes leaves, for one record: several changes of an object are the last one. */
export function contentOf(changes: readonly WatchEvent[], resourceVersion: number): string {
  const last = new Map(changes.map((change) => [idOf(change.kind, change.key), change]))
  const put = [...last.values()].filter(({ type }) => type !== 'deleted').map(({ object }) => object)
  const removed = [...last].filter(([, { type }]) => type === 'deleted').map(([id]) => id)
  return JSON.stringify({ resourceVersion, put, removed } satisfies RecordContent)
}

export function applyChanges(image: Image, changes: readonly WatchEvent[], resourceVersion: number): void {
  for (const { type, kind, key, object } of changes) {
    if (type === 'deleted') image.objects.delete(idOf(kind, key))
    else image.objects.set(idOf(kind, key), object)
  }
  image.resourceVersion = resourceVersion
}

/** Records that together make the image with the changes, none so long that it takes long to write. */
export function* recordsOf(image: Image, changes: readonly WatchEvent[], resourceVersion: number): Generator<string> {
  const after: Image = { objects: new Map(image.objects), resourceVersion }
  applyChanges(after, changes, resourceVersion)
  const record = (put: string[]) => `{"resourceVersion":${resourceVersion},"put":[${put.join(',')}],"removed":[]}`
  let put: string[] = []
  let length = 0
  for (const object of after.objects.values()) {
    const text = JSON.stringify(object)
    put.push(text)
    length += text.length
    if (length < RECORD_CHARACTERS) continue
    yield record(put)
    put = []
    length = 0
  }
  // Also when there are no objects: it carries the resourceVersion.
  yield record(put)
}

/**
 * Reads a state file. A record that cannot be read ends it when it was never acknowledged; any other is damage.
 * @param path for messages
 * @throws ERR_STATE_VERSION, ERR_STATE_CORRUPT
 */
export function readState(file: Buffer, path: string): StateContent {
  const header = decodeHeader(file)
  if (header.kind === 'newer') throw newerVersion(path, header.version)
  if (header.kind === 'damaged') {
    const reason = file.length === 0 ? 'it is empty' : 'it does not begin as a state file of natgw does'
    throw corrupt(path, 0, reason, 'nothing of it can be read')
  }
  const content: StateContent = {
    objects: new Map(),
    resourceVersion: 0,
    version: header.version,
    fileSize: header.fileSize,
    end: FIRST_RECORD,
    tornBytes: 0,
  }
  for (let next = readRecord(file, content); next; next = readRecord(file, content)) applyRecord(content, next)

  const { size } = content.objects
  const readable = `${size} ${size === 1 ? 'object' : 'objects'} before it can be read`
  if (file.length < header.fileSize) {
    throw corrupt(path, file.length, `it was cut: ${file.length} of ${header.fileSize} bytes are there`, readable)
  }
  const acknowledged = decodeMarks(file)
  if (acknowledged === undefined) throw corrupt(path, 512, 'both marks of its end are damaged', readable)
  if (content.end < acknowledged) throw corrupt(path, content.end, 'a record does not match its checksum', readable)
  let last = file.length
  while (last > content.end && file[last - 1] === 0) last--
  content.tornBytes = last - content.end
  return content
}

function readRecord(file: Buffer, content: StateContent): RecordContent | undefined {
  const record = decodeRecord(file, content.end)
  if (record === undefined) return undefined
  content.end = record.end
  return JSON.parse(record.payload) as RecordContent
}

function applyRecord(content: StateContent, { put, removed, resourceVersion }: RecordContent): void {
  for (const id of removed) content.objects.delete(content.version === 1 ? groupedId(id) : id)
  // Frozen as the store keeps them, so that the store does not copy them.
  for (const object of put) {
    content.objects.set(idOf(groupKindOf<Resource>(object), keyOf(object.metadata)), adopt(undefined, object))
  }
  content.resourceVersion = resourceVersion
}

/** The kinds that a natgw which wrote files of version 1 knew; each was in one group. */
const KINDS_OF_VERSION_1: Readonly<Record<string, GroupKind>> = {
  Network: NETWORK,
  NetworkInterface: NETWORK_INTERFACE,
  NATGateway: NAT_GATEWAY,
  NetworkID: NETWORK_ID,
  IPAddress: IP_ADDRESS,
  NATTable: NAT_TABLE,
}

function groupedId(id: string): string {
  const [kind = '', key = ''] = id.split(' ')
  return idOf(KINDS_OF_VERSION_1[kind] ?? kind, key)
}

function corrupt(path: string, offset: number, reason: string, readable: string): NatGwError {
  const remedy =
    'The file was left as it is. Put a backup in its place, or move it away: natgw then starts without allocations, and ' +
    'interfaces get public ports anew'
  const message = `state file ${path} is damaged at byte ${offset}: ${reason}; ${readable}. ${remedy}`
  return new NatGwError('ERR_STATE_CORRUPT', message, { path, offset })
}

function newerVersion(path: string, version: number): NatGwError {
  const message =
    `state file ${path} is of format ${version}, this natgw knows formats up to ${FORMAT_VERSION}; ` +
    'the file was left as it is. Run the natgw that wrote it, or a newer one'
  return new NatGwError('ERR_STATE_VERSION', message, { path, version })
}
