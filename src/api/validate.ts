import { isMap } from '../schema/fields.ts'
import { quoteValue } from '../schema/issue.ts'
import type { Reason, ValidationIssue } from '../schema/issue.ts'
import { nearest } from '../schema/nearest.ts'
import { validate } from '../schema/validate.ts'
import { MANIFEST_KINDS } from './manifest.ts'
import type { Manifest, ManifestId } from './manifest.ts'
import { MANIFEST_SCHEMAS, NAME_RULES } from './schemas.ts'
import { nameProblem } from './names.ts'
import { NETWORKING_API } from './types.ts'
import type { ManifestKind } from './types.ts'

/** Where a document was read. */
export interface DocumentSource {
  /** Name of the file. */
  file: string
  /** Which document of the file, from 0. */
  index: number
}

/** `id` is there whenever the document says which object it is about, be it right or not. */
export type ParsedResource =
  { object: Manifest; id: ManifestId; issues?: never } | { object?: never; id?: ManifestId; issues: ValidationIssue[] }

/**
 * Reads one document of a manifest: defaults filled in, what the server owns left out, everything else checked.
 * All that is wrong is reported, not only the first.
 */
export function parseResource(document: unknown, source: DocumentSource): ParsedResource {
  const place = `document ${source.index + 1} of ${source.file}`
  const { kind, issues: unknown } = readKind(document, place)
  if (kind === undefined) return { issues: unknown }
  const id = identify(document, kind)
  const object = id === undefined ? `${kind} in ${place}` : `${kind} ${id.key}`
  const { value, issues } = validate(MANIFEST_SCHEMAS[kind], document, { object, code: 'ERR_INVALID_FIELD' })
  if (issues !== undefined || id === undefined) return { issues: issues ?? [], ...(id === undefined ? {} : { id }) }
  return { object: value as Manifest, id }
}

type KnownKind = { kind: ManifestKind; issues?: never } | { kind?: never; issues: ValidationIssue[] }

function readKind(document: unknown, object: string): KnownKind {
  const issue = (segments: string[], value: unknown, reason: Reason): ValidationIssue => {
    const present = value === undefined || value === null ? {} : { value }
    return { code: 'ERR_MANIFEST_KIND', object, field: segments.join('.'), segments, ...present, ...reason }
  }
  if (!isMap(document)) {
    const reason = { message: `${quoteValue(document)} is not a resource`, remedy: 'begin with apiVersion and kind' }
    return { issues: [issue([], document, reason)] }
  }
  const { apiVersion, kind } = document
  const issues: ValidationIssue[] = []
  if (apiVersion !== NETWORKING_API) {
    issues.push(issue(['apiVersion'], apiVersion, { message: notKnown(apiVersion), remedy: `write ${NETWORKING_API}` }))
  }
  const known = MANIFEST_KINDS.find((each) => each === kind)
  if (known === undefined) {
    const near = typeof kind === 'string' ? nearest(kind, MANIFEST_KINDS) : undefined
    const remedy = near === undefined ? `known are ${MANIFEST_KINDS.join(', ')}` : `did you mean ${near}?`
    issues.push(issue(['kind'], kind, { message: notKnown(kind), remedy }))
  }
  return known === undefined || issues.length > 0 ? { issues } : { kind: known }
}

function notKnown(value: unknown): string {
  return value === undefined || value === null ? 'is missing' : `${quoteValue(value)} is not known`
}

/** Which object this is, whatever else may be wrong with it. */
function identify(document: unknown, kind: ManifestKind): ManifestId | undefined {
  const metadata = isMap(document) ? document.metadata : undefined
  const { name, namespace } = isMap(metadata) ? metadata : {}
  const inNamespace = namespace ?? 'default'
  if (typeof name !== 'string' || nameProblem(name, NAME_RULES[kind]) !== undefined) return undefined
  if (typeof inNamespace !== 'string' || nameProblem(inNamespace, 'DNS label') !== undefined) return undefined
  return { kind, key: `${inNamespace}/${name}` }
}
