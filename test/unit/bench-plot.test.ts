import { describe, expect, it } from 'vitest'
import { plot } from '../bench/report/plot.ts'
import { row } from '../bench/rows.ts'

const LONG = '64 B, out, 100k flows of 1000 interfaces (5 % of each slice)'

describe('the plot of a bench', () => {
  it('shows every series and scenario with its whole name, and the median beside its bar', async () => {
    const svg = await plot([
      row(`this gateway: ${LONG}`, 'Mpps', [2.9, 3.1, 2.5]),
      row(`nftables <masquerade>: ${LONG}`, 'Mpps', [0.9]),
      row('this gateway: 64 B, in, 1 flow', 'Mpps', [6.28]),
    ])
    const texts = Array.from(svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g), ([, text]) => text)
    expect(texts).toEqual(expect.arrayContaining([LONG, '64 B, in, 1 flow', 'this gateway', '2.9', '6.28']))
    expect(texts).toContain('nftables &lt;masquerade&gt;')
  })

  it('leaves out what is no packet rate and what could not be measured', async () => {
    const svg = await plot([row('refusal: full slice', 'ns', [57]), row('this gateway: 1M flows', 'Mpps', [])])
    expect(svg).not.toContain('full slice')
    expect(svg).not.toContain('1M flows')
  })
})
