/** One document of a file, from its `---` on. */
export interface DocumentText {
  text: string
  /** Lines of the file before it. */
  line: number
}

/** A line that begins with --- is never content, whatever stands around it. */
const MARKER = /(?:^|\n)---(?=[ \t\r\n]|$)/g

/** Cuts a text of YAML where its documents begin, so that each can be read for itself. */
export function splitDocuments(text: string): DocumentText[] {
  const starts = [...text.matchAll(MARKER)].map(({ index }) => (text[index] === '\n' ? index + 1 : index))
  if (starts[0] !== 0) starts.unshift(0)
  let line = 0
  return starts.map((start, i) => {
    const document = { text: text.slice(start, starts[i + 1]), line }
    line += countLines(document.text)
    return document
  })
}

function countLines(text: string): number {
  let lines = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines++
  return lines
}
