// How much more memory than it needs a long-running natgw takes from the machine.

/**
 * Options of V8 that it reads only when it starts. By default 128 MB are set aside for young objects as soon as some work
 * is done, and garbage may grow to three times of what is in use; a gateway works hard for a moment and is idle for hours.
 */
export const HEAP_OPTIONS = ['--max-semi-space-size=2', '--heap-growing-percent=20', '--optimize-for-size'] as const

/** Starts this process again (same pid, same descriptors for input and output) unless it runs with HEAP_OPTIONS already. */
export function ensureHeapOptions(): void {
  if (HEAP_OPTIONS.every((option) => process.execArgv.includes(option))) return
  // What the user gives to Node comes later, and wins. A Node before 22.15 cannot do this, and runs all the same.
  const args = [process.execPath, ...HEAP_OPTIONS, ...process.execArgv, ...process.argv.slice(1)]
  process.execve?.(process.execPath, args)
}
