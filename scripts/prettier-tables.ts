// A plugin of prettier: tables of a page stay as they are written. Prettier itself pads every cell to the widest of its
// column, so that one changed cell would change every row.
import type { Parser, Printer } from 'prettier'
import { doc } from 'prettier'
import * as plugin from 'prettier/plugins/markdown'

interface MarkdownNode {
  type: string
  position: { start: { offset: number }; end: { offset: number } }
}

const { parsers: builtIn, printers: builtInPrinters } = plugin as unknown as {
  parsers: { markdown: Parser<MarkdownNode> }
  printers: { mdast: Printer<MarkdownNode> }
}
const { hardline, join } = doc.builders

/** Prettier takes a printer from the plugin that has the parser. */
export const parsers = { markdown: builtIn.markdown }

const print: Printer<MarkdownNode>['print'] = (path, options, ...rest) => {
  const { type, position } = path.node
  if (type !== 'table') return builtInPrinters.mdast.print(path, options, ...rest)
  const lines = options.originalText.slice(position.start.offset, position.end.offset).split('\n')
  return join(
    hardline,
    lines.map((line) => line.trim()),
  )
}

export const printers = { mdast: { ...builtInPrinters.mdast, print } }
