import { MAC_ADDRESS_ANNOTATION, checkMacAnnotation, refuseUnknownAnnotation } from './annotations.ts'
import { Field } from './field.ts'
import type { Report } from './field.ts'
import type { ValidationIssue } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'
import { nearest } from '../schema/nearest.ts'
import { MANIFEST_KINDS } from './manifest.ts'
import type { Manifest, ManifestId } from './manifest.ts'
import type { NameRule } from './names.ts'
import { labelValueProblem, metadataKeyProblem, nameProblem } from './names.ts'
import { NETWORKING_API } from './types.ts'
import type { ManifestKind } from './types.ts'
import { readGatewaySpec } from './validate-gateway.ts'
import { readInterfaceSpec } from './validate-interface.ts'
import { readNetworkSpec } from './validate-network.ts'

/** Where a document was read. */
export interface DocumentSource {
  /** Name of the file. */
  file: string
  /** Which document of the file, from 0. */
  index: number
}

/** `id` is there whenever the document says which object it is about, be it right or not. */
export type ParsedResource =
  | { object: Manifest; id: ManifestId; findings?: never }
  | { object?: never; id?: ManifestId; findings: ValidationIssue[] }

const NAME_RULES: Record<ManifestKind, NameRule> = {
  Network: 'DNS subdomain',
  NetworkInterface: 'DNS subdomain',
  NATGateway: 'DNS label',
}

/** What `kubectl get -o yaml` writes about an object and is the server's own affair. */
const SERVER_METADATA = [
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'finalizers',
  'ownerReferences',
  'managedFields',
  'selfLink',
]

/**
 * Reads one document of a manifest: defaults filled in, what the server owns left out, everything else checked.
 * All that is wrong is reported, not only the first.
 */
export function parseResource(document: unknown, source: DocumentSource): ParsedResource {
  const report: Report = { object: `document ${source.index + 1} of ${source.file}`, findings: [] }
  const root = new Field(report, [], document)
  const kind = readKind(root, report.findings)
  if (kind === undefined) return { findings: report.findings }

  report.object = `${kind} in ${report.object}`
  const id = identify(root, kind)
  if (id !== undefined) report.object = `${kind} ${id.key}`
  root.isObject(['apiVersion', 'kind', 'metadata', 'spec', 'status'])
  const metadata = readMetadata(root.child('metadata'), kind)
  const object = { apiVersion: NETWORKING_API, kind, metadata, spec: readSpec(kind, root.child('spec'), metadata) }
  if (report.findings.length > 0) return { findings: report.findings, ...(id === undefined ? {} : { id }) }
  return { object: object as Manifest, id: id as ManifestId }
}

function readKind(root: Field, findings: readonly ValidationIssue[]): ManifestKind | undefined {
  const code = 'ERR_MANIFEST_KIND'
  if (typeof root.value !== 'object' || Array.isArray(root.value)) {
    return root.refuse(`${quoteValue(root.value)} is not a resource`, 'begin with apiVersion and kind', code)
  }
  const [apiVersion, kind] = [root.child('apiVersion'), root.child('kind')]
  const notKnown = (field: Field) => (field.absent ? 'is missing' : `${quoteValue(field.value)} is not known`)
  if (apiVersion.value !== NETWORKING_API) apiVersion.refuse(notKnown(apiVersion), `write ${NETWORKING_API}`, code)
  const known = MANIFEST_KINDS.find((each) => each === kind.value)
  if (known === undefined) {
    const near = typeof kind.value === 'string' ? nearest(kind.value, MANIFEST_KINDS) : undefined
    const remedy = near === undefined ? `known are ${MANIFEST_KINDS.join(', ')}` : `did you mean ${near}?`
    kind.refuse(notKnown(kind), remedy, code)
  }
  return findings.length === 0 ? known : undefined
}

/** Which object this is, whatever else may be wrong with it; leaves no findings. */
function identify(root: Field, kind: ManifestKind): ManifestId | undefined {
  const metadata = root.child('metadata')
  const name = metadata.child('name').value
  const namespace = metadata.child('namespace').value ?? 'default'
  if (typeof name !== 'string' || nameProblem(name, NAME_RULES[kind]) !== undefined) return undefined
  if (typeof namespace !== 'string' || nameProblem(namespace, 'DNS label') !== undefined) return undefined
  return { kind, key: `${namespace}/${name}` }
}

function readLabels(field: Field): Record<string, string> | undefined {
  const labels = field.stringMap()
  for (const [key, value] of Object.entries(labels ?? {})) {
    refuseKey(field, 'a label', key)
    const problem = labelValueProblem(value)
    if (problem !== undefined) field.child(key).refuse(`${quoteValue(value)} is no value of a label`, problem)
  }
  return labels
}

/** Bytes of all keys and values of an object's annotations. */
const MAX_ANNOTATIONS = 256 * 1024

function readAnnotations(field: Field, kind: ManifestKind): Record<string, string> | undefined {
  const annotations = field.stringMap()
  let size = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    // Kubernetes looks at them in lower case.
    refuseKey(field, 'an annotation', key, key.toLowerCase())
    refuseUnknownAnnotation(field.child(key), key, kind)
    size += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (size > MAX_ANNOTATIONS) field.refuse(`are ${size} bytes long`, `at most ${MAX_ANNOTATIONS} bytes are right`)
  if (kind === 'NetworkInterface') field.child(MAC_ADDRESS_ANNOTATION).optional(checkMacAnnotation)
  return annotations
}

function refuseKey(field: Field, what: string, key: string, checked = key): void {
  const problem = metadataKeyProblem(checked)
  if (problem !== undefined) field.child(key).refuse(`${quoteValue(key)} is no key of ${what}`, problem)
}

function readMetadata(metadata: Field, kind: ManifestKind): Manifest['metadata'] {
  if (metadata.absent) metadata.missing('at least metadata.name')
  const known = ['name', 'namespace', 'labels', 'annotations']
  const foreign = { generateName: 'give name: a manifest describes one object' }
  if (metadata.absent || !metadata.isObject(known, foreign, SERVER_METADATA)) return { name: '', namespace: 'default' }
  const labels = metadata.child('labels').optional(readLabels)
  const annotations = metadata.child('annotations').optional((field) => readAnnotations(field, kind))
  return {
    name: metadata.child('name').name(NAME_RULES[kind]) ?? '',
    namespace: metadata.child('namespace').optional((field) => field.name('DNS label')) ?? 'default',
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
  }
}

function readSpec(kind: ManifestKind, spec: Field, metadata: Manifest['metadata']): Manifest['spec'] {
  switch (kind) {
    case 'Network':
      return readNetworkSpec(spec, metadata.namespace, metadata.name)
    case 'NetworkInterface':
      return readInterfaceSpec(spec)
    case 'NATGateway':
      return readGatewaySpec(spec)
  }
}
