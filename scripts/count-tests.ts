// usage: node count-tests.ts REPORT STATUS    prints "<passed> <failed>" of vitest's JSON report and exit status (.ci/run)
import { readFileSync } from 'node:fs'

interface Report {
  testResults: { status: string; assertionResults: { status: string }[] }[]
}

interface Counts {
  passed: number
  failed: number
}

function count(report: Report): Counts {
  const counts = { passed: 0, failed: 0 }
  for (const file of report.testResults) {
    const withStatus = (status: string): number => file.assertionResults.filter((test) => test.status === status).length
    counts.passed += withStatus('passed')
    // A file that failed without a failed test did not load, or its set-up or tear-down failed.
    counts.failed += withStatus('failed') || (file.status === 'failed' ? 1 : 0)
  }
  return counts
}

function read(path: string): Counts {
  try {
    return count(JSON.parse(readFileSync(path, 'utf8')) as Report)
  } catch (error) {
    console.error(`no report of the tests in ${path}: ${(error as Error).message}`)
    return { passed: 0, failed: 1 }
  }
}

const [path = '', status = ''] = process.argv.slice(2)
const { passed, failed } = read(path)
// Errors outside of tests and a time-out show in the status only. No test at all is a failure.
const hidden = failed === 0 && (status !== '0' || passed === 0)
console.log(`${passed} ${hidden ? 1 : failed}`)
