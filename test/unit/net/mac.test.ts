import { expect, it } from 'vitest'
import { formatMac, parseMac, tryParseMac } from '../../../src/net/mac.ts'

it('reads and writes a MAC address', () => {
  expect([...parseMac('02:aB:00:0f:FF:01')]).toEqual([2, 0xab, 0, 15, 255, 1])
  expect(formatMac(Uint8Array.of(2, 0xab, 0, 15, 255, 1))).toBe('02:ab:00:0f:ff:01')
})

it.each([
  '',
  '02:00:00:00:00',
  '02:00:00:00:00:00:00',
  '2:0:0:0:0:1',
  '02-00-00-00-00-01',
  ' 02:00:00:00:00:01',
  '0g:00:00:00:00:01',
])('refuses "%s" as a MAC address', (text) => {
  expect(tryParseMac(text)).toBeUndefined()
  expect(() => parseMac(text)).toThrow('six pairs of hexadecimal digits')
})
