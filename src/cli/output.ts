// Columns as kubectl prints them, or JSON for programs.

export type OutputFormat = 'table' | 'json'

export interface Column<Row> {
  title: string
  /** Cells of numbers are aligned right. */
  value: (row: Row) => string | number
}

/** @returns lines without a trailing newline; the header alone when there are no rows */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map(({ value }) => value(row)))
  const numeric = columns.map((_, i) => cells.length > 0 && cells.every((line) => typeof line[i] === 'number'))
  const lines = [columns.map(({ title }) => title), ...cells.map((line) => line.map(String))]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, i) => (numeric[i] === true ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('   ')
        .trimEnd(),
    )
    .join('\n')
}

/** Seconds as people say them: 45s, 12m, 3h, 2d. */
export function formatSeconds(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)}s`
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`
  if (seconds < 172_800) return `${Math.round(seconds / 3600)}h`
  return `${Math.round(seconds / 86_400)}d`
}

/** `2m ago`. */
export function agoOf(seconds: number | undefined): string {
  return seconds === undefined ? 'an unknown time ago' : `${formatSeconds(seconds)} ago`
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** For a person, beside the output that a program may read. */
export function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, null, 2))
}
