// Fields that several kinds have.
import * as z from 'zod/mini'
import { annotated, described, fields, text, titled } from '../schema/fields.ts'
import { quoteValue } from '../schema/issue.ts'
import type { NameRule } from './names.ts'
import { NAME_SHAPES, nameProblem } from './names.ts'

export function name(rule: NameRule) {
  const checked = text(`a name (a ${rule})`, (value) => {
    const problem = nameProblem(value, rule)
    return problem === undefined ? undefined : { message: `${quoteValue(value)} is not a ${rule}`, remedy: problem }
  })
  const { pattern, longest } = NAME_SHAPES[rule]
  return annotated(checked, { pattern: pattern.source, maxLength: longest })
}

/**
 * A reference by name, within the namespace.
 * @param title the object that is meant, as the end of "give …"
 * @param meaning of its name
 */
export function reference(title: string, rule: NameRule, meaning: string) {
  return titled(fields({ name: described(name(rule), meaning) }), title, {
    instead: (value) => {
      if (typeof value !== 'string') return undefined
      return { message: `${quoteValue(value)} is text, not a reference`, remedy: `write {name: ${value}}` }
    },
  })
}

/** The Network of the object. */
export const networkRef = reference(
  'the Network, like {name: network-sample}',
  'DNS subdomain',
  'the Network, in the same namespace; immutable',
)

/** Texts by name, as labels are. */
export const texts = titled(z.record(z.string(), z.string()), 'name: "value" pairs')

/** Set once: by a controller, or by a manifest that brings it. */
export const providerID = described(
  z.exactOptional(titled(z.string(), 'the ID of its provider')),
  'where it is realised: `ironcore-net://<namespace>/<name>/<id>/<uid>`; set once',
)
