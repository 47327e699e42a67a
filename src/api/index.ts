export * from './meta.ts'
export * from './types.ts'
