// Rows as tables. Pure.
import type { Row } from '../rows.ts'

const HEADINGS = ['figure', 'median', 'min', 'max', 'at least', 'aim', ''] as const

/** Three significant digits, more only before the point. */
export function formatNumber(value: number | null): string {
  if (value === null) return '–'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)))
  return value.toLocaleString('en', { minimumFractionDigits: Math.min(digits, 3), maximumFractionDigits: digits })
}

export function verdict({ met }: Row): string {
  return met === null ? '' : met ? 'met' : 'MISSED'
}

function cells(row: Row): string[] {
  const bound = (value: number | null): string => (value === null ? '' : formatNumber(value))
  return [
    row.note === undefined ? row.figure : `${row.figure} (${row.note})`,
    `${formatNumber(row.value)} ${row.unit}`,
    formatNumber(row.min),
    formatNumber(row.max),
    bound(row.atLeast),
    bound(row.aim),
    verdict(row),
  ]
}

/** Columns for a terminal. */
export function formatTable(rows: readonly Row[]): string {
  const lines = [[...HEADINGS], ...rows.map(cells)]
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

export function formatMarkdown(rows: readonly Row[]): string {
  const line = (columns: readonly string[]): string => `| ${columns.join(' | ')} |`
  const rule = HEADINGS.map((_, column) => (column === 0 ? '---' : '--:'))
  return [line(HEADINGS), line(rule), ...rows.map((row) => line(cells(row)))].join('\n')
}
