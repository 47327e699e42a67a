// Samples → rows of the result. Pure.

/** A row as `--json` writes it. Numbers are null where no measurement was possible; `note` says why. */
export interface Row {
  figure: string
  value: number | null
  unit: string
  min: number | null
  max: number | null
  atLeast: number | null
  aim: number | null
  /** Whether `atLeast` is reached; null without a target. */
  met: boolean | null
  note?: string
}

export interface Target {
  atLeast: number
  aim: number
  /** The better direction. */
  better: 'more' | 'less'
}

export interface Summary {
  value: number
  min: number
  max: number
}

/** Median with the extremes. */
export function summarise(samples: readonly number[]): Summary {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const at = (index: number): number => sorted[index] ?? NaN
  return { value: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2, min: at(0), max: at(sorted.length - 1) }
}

/** The value that this share of the samples does not exceed. @param share 0 … 1 */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

export function row(figure: string, unit: string, samples: readonly number[], target?: Target, note?: string): Row {
  const found = samples.length === 0 ? { value: null, min: null, max: null } : summarise(samples)
  return {
    figure,
    value: found.value,
    unit,
    min: found.min,
    max: found.max,
    atLeast: target?.atLeast ?? null,
    aim: target?.aim ?? null,
    met: target === undefined ? null : found.value !== null && reaches(found.value, target.atLeast, target.better),
    ...(note === undefined ? {} : { note }),
  }
}

export function reaches(value: number, bound: number, better: Target['better']): boolean {
  return better === 'more' ? value >= bound : value <= bound
}

/** Element by element: samples of one repetition belong together. */
export function ratios(samples: readonly number[], base: readonly number[]): number[] {
  return samples.map((sample, index) => sample / (base[index] ?? NaN))
}

/** The exponent b of cost = a × size^b through the first and the last point. */
export function exponent(points: readonly { size: number; cost: number }[]): number {
  const [first, last] = [points[0], points.at(-1)]
  if (first === undefined || last === undefined) return NaN
  return Math.log(last.cost / first.cost) / Math.log(last.size / first.size)
}
