// What kubectl's reader (sigs.k8s.io/yaml) takes a plain scalar for, as far as it differs from YAML 1.2.

const WORDS = new Map<string, boolean | null>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'on', 'On', 'ON', 'true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'off', 'Off', 'OFF', 'false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
])
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/
/** Go's integers: a prefix, or a leading zero for octal. */
const INTEGER = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))$/
const INFINITE = /^([-+]?)\.(inf|Inf|INF)$/
const NOT_A_NUMBER = /^\.(nan|NaN|NAN)$/

/** @param source the scalar as written, without quotes */
export function readAsKubectl(source: string): string | number | boolean | null {
  const word = WORDS.get(source)
  if (word !== undefined) return word
  const infinite = INFINITE.exec(source)
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity
  if (NOT_A_NUMBER.test(source)) return NaN
  if (source.startsWith('.')) return FLOAT.test(source) ? Number(source) : source
  if (!/^[-+0-9]/.test(source)) return source
  // Dates stay text.
  const digits = source.replaceAll('_', '')
  return readInteger(digits) ?? (FLOAT.test(digits) ? Number(digits) : source)
}

function readInteger(digits: string): number | undefined {
  const match = INTEGER.exec(digits)
  if (match === null) return undefined
  const [, sign, hex, binary, octal, decimal] = match
  const value = [
    [hex, 16],
    [binary, 2],
    [octal, 8],
    [decimal, 10],
  ].map(([text, radix]) => (text === undefined ? undefined : parseInt(String(text), Number(radix))))
  const number = value.find((each) => each !== undefined) ?? 0
  return sign === '-' ? -number : number
}
