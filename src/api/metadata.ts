// metadata of the manifests of every kind.
import * as z from 'zod/mini'
import type { Refuse } from '../schema/fields.ts'
import { across, described, fields, titled } from '../schema/fields.ts'
import type { Reason } from '../schema/issue.ts'
import { quoteValue } from '../schema/issue.ts'
import { unknownAnnotation } from './annotations.ts'
import { name, texts } from './common-fields.ts'
import type { NameRule } from './names.ts'
import { labelValueProblem, metadataKeyProblem } from './names.ts'

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

/** Bytes of all keys and values of an object's annotations. */
const MAX_ANNOTATIONS = 256 * 1024

type Texts = Record<string, string>

const labels = texts.check(
  across<Texts>((given, refuse) => {
    for (const [key, value] of Object.entries(given)) {
      refuseKey(refuse, 'a label', key, value)
      const problem = typeof value === 'string' ? labelValueProblem(value) : undefined
      if (problem !== undefined) {
        refuse([key], value, { message: `${quoteValue(value)} is no value of a label`, remedy: problem })
      }
    }
  }),
)

/** Annotations of ours that a kind has, each with what is wrong with a text. */
export type OwnAnnotations = Readonly<Record<string, (text: string) => Reason | undefined>>

function annotations(kind: string, own: OwnAnnotations) {
  return texts.check(
    across<Texts>((given, refuse) => {
      let size = 0
      for (const [key, value] of Object.entries(given)) {
        // Kubernetes looks at them in lower case.
        refuseKey(refuse, 'an annotation', key, value, key.toLowerCase())
        if (typeof value !== 'string') continue
        const problem = Object.hasOwn(own, key) ? own[key]?.(value) : unknownAnnotation(key, kind, Object.keys(own))
        if (problem !== undefined) refuse([key], value, problem)
        size += Buffer.byteLength(key) + Buffer.byteLength(value)
      }
      if (size > MAX_ANNOTATIONS) {
        refuse([], given, { message: `are ${size} bytes long`, remedy: `at most ${MAX_ANNOTATIONS} bytes are right` })
      }
    }),
  )
}

function refuseKey(refuse: Refuse, what: string, key: string, value: unknown, checked = key): void {
  const problem = metadataKeyProblem(checked)
  if (problem !== undefined)
    refuse([key], value, { message: `${quoteValue(key)} is no key of ${what}`, remedy: problem })
}

export function metadataOf(kind: string, nameRule: NameRule, own: OwnAnnotations) {
  return titled(
    fields(
      {
        name: described(name(nameRule), 'its name'),
        namespace: described(z._default(name('DNS label'), 'default'), 'its namespace'),
        labels: described(z.exactOptional(labels), 'labels, as in Kubernetes'),
        annotations: described(
          z.exactOptional(annotations(kind, own)),
          'annotations, as in Kubernetes; those that begin with `natgw.dev/` have to be known',
        ),
      },
      { unsupported: { generateName: 'give name: a manifest describes one object' }, ignored: SERVER_METADATA },
    ),
    'at least metadata.name',
  )
}
