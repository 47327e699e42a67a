#!/usr/bin/env node
// The process of natgw: what it is given by the system, to the command line as a function.
import { createInterface } from 'node:readline/promises'
import { runCli } from './cli.ts'
import { Output } from './env.ts'
import type { CliEnv } from './env.ts'
import { ensureHeapOptions } from './heap.ts'

const env: CliEnv = {
  argv: process.argv.slice(2),
  stdout: new Output(process.stdout),
  stderr: new Output(process.stderr),
  columns: process.stdout.isTTY ? process.stdout.columns : 80,
  ...(process.stdin.isTTY ? { ask } : {}),
  beforeRun: ensureHeapOptions,
  runFolder: '/run/natgw',
  defaultConfig: '/etc/natgw/gateway.yaml',
}

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return await terminal.question(question)
  } finally {
    terminal.close()
  }
}

process.exitCode = await runCli(env)
