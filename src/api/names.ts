/** The two shapes of Kubernetes names (RFC 1123, as apimachinery's validation reads it). */
export type NameRule = 'DNS label' | 'DNS subdomain'

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/

/** @returns what would make the text such a name, undefined when it is one */
export function nameProblem(text: string, rule: NameRule): string | undefined {
  const longest = rule === 'DNS label' ? 63 : 253
  if (text.length > longest) return `use at most ${longest} characters, not ${text.length}`
  const parts = rule === 'DNS label' ? [text] : text.split('.')
  if (parts.every((part) => LABEL.test(part))) return undefined
  const dots = rule === 'DNS label' ? 'no dots' : 'parts with dots between'
  return `use lower-case letters, digits and "-", begin and end with a letter or digit, ${dots}`
}
