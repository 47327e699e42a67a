/** Ports, both inclusive. */
export interface PortRange {
  first: number
  last: number
}

/** Whether two ranges have a port in common. */
export function portsOverlap(a: PortRange, b: PortRange): boolean {
  return a.first <= b.last && b.first <= a.last
}

/** Reads what the kernel writes: `8080,40000-49999`, or nothing at all. */
export function parsePortRanges(text: string): PortRange[] {
  if (text === '') return []
  return text.split(',').map((part) => {
    const [first = 0, last = first] = part.split('-').map(Number)
    return { first, last }
  })
}
