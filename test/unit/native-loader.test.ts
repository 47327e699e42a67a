import { afterEach, expect, test, vi } from 'vitest'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
})

test('a missing addon is reported with the path that was tried and the command that builds it', async () => {
  vi.stubEnv('NATGW_ADDON', '/nonexistent/natgw.node')
  vi.resetModules()
  await expect(import('../../src/native/load-native.ts')).rejects.toMatchObject({
    code: 'ERR_NATIVE_ADDON',
    message: expect.stringMatching(/\/nonexistent\/natgw\.node.*npm run build:native/) as string,
    details: { tried: ['/nonexistent/natgw.node'] },
  })
})

test('a file that is no addon is reported with the reason of the dynamic loader', async () => {
  vi.stubEnv('NATGW_ADDON', '/proc/self/status')
  vi.resetModules()
  await expect(import('../../src/native/load-native.ts')).rejects.toMatchObject({ code: 'ERR_NATIVE_ADDON' })
})
