import { isMap } from '../schema/fields.ts'
import type { Reason, ValidationIssue } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'
import { nearest } from '../schema/nearest.ts'
import { validate } from '../schema/validate.ts'
import type { ManifestKind } from './kinds.ts'
import { apiVersionOf, KINDS, MANIFEST_KINDS, nameOf } from './kinds.ts'
import type { Manifest, ManifestId } from './manifest.ts'
import { nameProblem } from './names.ts'

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
  const object = id === undefined ? `${KINDS[kind].kind} in ${place}` : nameOf(kind, id.key)
  const { value, issues } = validate(KINDS[kind].schema, document, { object, code: 'ERR_INVALID_FIELD' })
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
  const versions = [...new Set(MANIFEST_KINDS.map(apiVersionOf))]
  const isKnownVersion = versions.some((each) => each === apiVersion)
  if (!isKnownVersion) {
    const remedy = `write ${versions.join(' or ')}`
    issues.push(issue(['apiVersion'], apiVersion, { message: notKnown(apiVersion), remedy }))
  }
  const possible = MANIFEST_KINDS.filter((each) => !isKnownVersion || apiVersionOf(each) === apiVersion)
  const known = possible.find((each) => KINDS[each].kind === kind)
  if (known === undefined) {
    const names = possible.map((each) => KINDS[each].kind)
    const near = typeof kind === 'string' ? nearest(kind, names) : undefined
    const remedy = near === undefined ? `known are ${names.join(', ')}` : `did you mean ${near}?`
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
  if (typeof name !== 'string' || nameProblem(name, KINDS[kind].nameRule) !== undefined) return undefined
  if (typeof inNamespace !== 'string' || nameProblem(inNamespace, 'DNS label') !== undefined) return undefined
  return { kind, key: `${inNamespace}/${name}` }
}
