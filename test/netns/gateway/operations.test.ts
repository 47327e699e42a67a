import { readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { NATGW } from '../../../scripts/lab/natgw.ts'
import { useGateway } from '../../support/gateway-lab.ts'

const page = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8')
const gateway = useGateway({}, (gateway) => gateway.serve([gateway.lab.machine(2)]))

/** A line of docs/operations.md, with the paths of the lab. */
const runLine = async (line: string) => {
  expect(page).toContain(`\n# ${line}\n`)
  const { lab, files, stateFile } = gateway()
  const here = line
    .replaceAll('/var/lib/natgw/default/state', stateFile)
    .replaceAll('/root/natgw-state', join(lab.folder, 'backup'))
    .replace(/^natgw (\w+)/, `${process.execPath} ${NATGW} $1 --config ${files.config}`)
  return lab.gateway.run('sh', '-c', here)
}
const ranges = async () =>
  Object.fromEntries((await gateway().natgw.slices()).map((row) => [row.networkInterface, row.firstPort]))
/** The host as after a reboot. */
const forgetAll = async () => {
  await gateway().stop()
  await runLine('natgw unload --yes')
  rmSync(gateway().stateFile)
}

test('a backup taken while natgw runs gives every interface its slice back; without it slices move', async () => {
  // Allocated second: without its state the first by name gets the first slice.
  gateway().addMachine(gateway().lab.machine(1))
  await gateway().waitForSlices(2)
  const before = await ranges()
  await runLine('cp -a /var/lib/natgw/default/state /root/natgw-state')

  await forgetAll()
  await gateway().start()
  await gateway().waitForSlices(2)
  expect(await ranges()).not.toEqual(before)

  await forgetAll()
  await runLine('cp -a /root/natgw-state /var/lib/natgw/default/state')
  await gateway().start()
  await gateway().waitForSlices(2)
  expect(await ranges()).toEqual(before)
})

test('natgw check says that the files of a running gateway are valid', async () => {
  expect(await runLine('natgw check')).toMatch(/gateway\.yaml: valid\n.*: 4 objects/)
})

test('files have the modes of docs/threat-model.md', () => {
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)
  const { instance } = gateway().lab
  expect(modeOf(gateway().stateFile)).toBe('600')
  expect(modeOf('/run/natgw')).toBe('755')
  expect(modeOf(`/run/natgw/${instance}.problems.json`)).toBe('644')
  expect(modeOf(dirname(`/sys/fs/bpf/natgw/${instance}`))).toBe('700')
  expect(modeOf(`/sys/fs/bpf/natgw/${instance}`)).toBe('700')
})
