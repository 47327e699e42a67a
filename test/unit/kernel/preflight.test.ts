import { describe, expect, it } from 'vitest'
import { nearestHz } from '../../../src/kernel/clock.ts'
import { refusal } from '../../../src/kernel/loader.ts'
import { missingCapabilities, missingFeatures } from '../../../src/kernel/preflight.ts'

describe('preflight', () => {
  it('names the kernel features that are missing and when they came', () => {
    expect(missingFeatures('6.1.0-18-amd64')).toEqual([])
    expect(missingFeatures('5.18.0')).toEqual([])
    expect(missingFeatures('5.17.15')).toEqual([expect.stringMatching(/^XDP programs for frames .* \(Linux 5\.18\)$/)])
    expect(missingFeatures('5.15.0-91-generic')).toContain('bpf_loop (Linux 5.17)')
    expect(missingFeatures('4.19.0')).toHaveLength(7)
  })

  it('names the capabilities that are missing', () => {
    expect(missingCapabilities('CapEff:\t000001ffffffffff\n')).toEqual([])
    expect(missingCapabilities('CapEff:\t0000000000000000\n')).toEqual(['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'])
    expect(missingCapabilities('CapEff:\t000000c000001000\n')).toEqual([])
    expect(missingCapabilities('CapEff:\t0000008000001000\n')).toEqual(['CAP_PERFMON'])
  })
})

describe('the clock', () => {
  it.each([
    [8, 100],
    [20, 250],
    [21, 250],
    [24, 300],
    [80, 1000],
  ])('that ticked %i times in 80 ms has %i ticks a second', (jiffies, hz) => {
    expect(nearestHz(jiffies, 80_000_000)).toBe(hz)
  })

  it('that stands still is an error', () => {
    expect(() => nearestHz(0, 80_000_000)).toThrow(expect.objectContaining({ code: 'ERR_KERNEL_LACKS' }))
  })
})

describe('the verifier’s refusal', () => {
  it('is its last line before the statistics', () => {
    expect(refusal('0: R1=ctx()\n3: (79) r1 = *(u64 *)(r1 +0)\ninvalid access to map value\nprocessed 4 insns\n')).toBe(
      'invalid access to map value',
    )
    expect(refusal('libbpf: failed to load object\n')).toBe('libbpf: failed to load object')
    expect(refusal('')).toBeUndefined()
  })
})
