/** The one of `known` a person most likely meant by `text`, undefined when none is close or several are as close. */
export function nearest(text: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => editDistance(text.toLowerCase(), candidate.toLowerCase()))
  const least = Math.min(...distances)
  if (least >= text.length || least > Math.max(2, Math.floor(text.length / 3))) return undefined
  const closest = known.filter((_, i) => distances[i] === least)
  return closest.length === 1 ? closest[0] : undefined
}

/** Fewest insertions, removals and replacements that make `b` of `a` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
