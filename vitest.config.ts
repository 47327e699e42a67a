import { defineConfig } from 'vitest/config'

// unit and property need no root; bpf and netns do, and fail without it. Files of netns run one after the other: two
// cores, and timings of real connections.
const project = (name: string, extra: object = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], pool: 'forks' as const, ...extra },
})

export default defineConfig({
  test: {
    projects: [
      project('unit'),
      project('property', { testTimeout: 60_000 }),
      project('bpf', { testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false }),
      project('netns', { testTimeout: 120_000, hookTimeout: 120_000, fileParallelism: false }),
    ],
  },
})
