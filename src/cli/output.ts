// Columns as kubectl prints them, or JSON for programs.
import type { Output } from './env.ts'

export type OutputFormat = 'table' | 'json'

export interface Column<Row> {
  title: string
  /** Cells of numbers are aligned right. */
  value: (row: Row) => string | number
}

/** Rows that are formatted and written at once: enough for widths to settle, few enough for any memory. */
const BATCH_ROWS = 500

/**
 * Writes rows as they come. Widths are those of the first rows and grow when a later cell is longer, so any number of
 * rows takes the memory of a few.
 * @returns how many rows there were; without any, nothing is written
 */
export async function writeTable<Row>(
  output: Output,
  columns: readonly Column<Row>[],
  rows: Iterable<Row>,
): Promise<number> {
  const widths = columns.map(({ title }) => title.length)
  let count = 0
  for (const batch of batchesOf(rows)) {
    const cells = batch.map((row) => columns.map(({ value }) => value(row)))
    cells.forEach((line) => line.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, `${cell}`.length))))
    const header = columns.map(({ title }, i) => pad(title, widths[i], typeof cells[0]?.[i] === 'number'))
    const lines = cells.map((line) => line.map((cell, i) => pad(`${cell}`, widths[i], typeof cell === 'number')))
    await output.print((count === 0 ? [header, ...lines] : lines).map((line) => line.join('   ').trimEnd()).join('\n'))
    count += batch.length
  }
  return count
}

function pad(text: string, width = 0, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width)
}

/** Writes a JSON array, a line a member. @returns how many members it has */
export async function writeJsonArray(output: Output, rows: Iterable<unknown>): Promise<number> {
  let count = 0
  for (const batch of batchesOf(rows)) {
    // The comma belongs to the member before: what is written ends with a member, never with a comma.
    const lines = batch.map((row, i) => `${count + i === 0 ? '[' : ','}${JSON.stringify(row)}`)
    await output.print(lines.join('\n'))
    count += batch.length
  }
  await output.print(count === 0 ? '[]' : ']')
  return count
}

function* batchesOf<T>(items: Iterable<T>): Generator<T[]> {
  let batch: T[] = []
  for (const item of items) {
    batch.push(item)
    if (batch.length < BATCH_ROWS) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

export async function printJson(output: Output, value: unknown): Promise<void> {
  await output.print(JSON.stringify(value, null, 2))
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
