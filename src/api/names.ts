/** The two shapes of Kubernetes names (RFC 1123, as apimachinery's validation reads it). */
export type NameRule = 'DNS label' | 'DNS subdomain'

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

export const NAME_SHAPES: Readonly<Record<NameRule, { pattern: RegExp; longest: number }>> = {
  'DNS label': { pattern: LABEL, longest: 63 },
  'DNS subdomain': { pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/, longest: 253 },
}

/** @returns what would make the text such a name, undefined when it is one */
export function nameProblem(text: string, rule: NameRule): string | undefined {
  const { pattern, longest } = NAME_SHAPES[rule]
  if (text.length > longest) return `use at most ${longest} characters, not ${text.length}`
  if (pattern.test(text)) return undefined
  const dots = rule === 'DNS label' ? 'no dots' : 'parts with dots between'
  return `use lower-case letters, digits and "-", begin and end with a letter or digit, ${dots}`
}

/** Parts of label keys and values (apimachinery's qualified names). */
const QUALIFIED = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/
const QUALIFIED_SHAPE = 'letters, digits, "-", "_" and ".", beginning and ending with a letter or digit'

/** @returns what would make the text a key of labels or annotations, undefined when it is one */
export function metadataKeyProblem(key: string): string | undefined {
  const slash = key.indexOf('/')
  const [prefix, name] = slash < 0 ? [undefined, key] : [key.slice(0, slash), key.slice(slash + 1)]
  if (prefix !== undefined) {
    const problem = nameProblem(prefix, 'DNS subdomain')
    if (problem !== undefined) return `write a DNS subdomain before "/": ${problem}`
  }
  if (name.length > 63)
    return `use at most 63 characters${prefix === undefined ? '' : ' after "/"'}, not ${name.length}`
  return QUALIFIED.test(name)
    ? undefined
    : `use ${QUALIFIED_SHAPE}, with a DNS subdomain and one "/" before where wanted`
}

/** @returns what would make the text the value of a label, undefined when it is one */
export function labelValueProblem(value: string): string | undefined {
  if (value.length > 63) return `use at most 63 characters, not ${value.length}; annotations take longer texts`
  return value === '' || QUALIFIED.test(value) ? undefined : `use ${QUALIFIED_SHAPE}; annotations take any text`
}
