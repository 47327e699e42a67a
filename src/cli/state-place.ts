import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { NatGwError } from '../errors/errors.ts'
import { fileSystemType } from '../native/load-native.ts'

/** File systems that keep no files of ours (linux/magic.h). Making a folder in some of them never ends. */
const NO_DISK: Readonly<Record<number, string>> = {
  0x9fa0: 'proc',
  0x62656572: 'sysfs',
  0xcafe4a11: 'a BPF file system',
  0x27e0eb: 'cgroup',
  0x63677270: 'cgroup2',
  0x64626720: 'debugfs',
  0x74726163: 'tracefs',
  0x73636673: 'securityfs',
  0x62656570: 'configfs',
  0x6165676c: 'pstore',
  0x1cd1: 'devpts',
  0x19800202: 'mqueue',
  0x42494e4d: 'binfmt_misc',
  0x6e736673: 'nsfs',
}

/** Refuses at once what would hang or fail later on. @throws ERR_STATE_WRITE */
export function checkStatePlace(stateFile: string): void {
  const refuse = (why: string): never => {
    const message = `state file ${stateFile} cannot be kept there: ${why}; name a file on a disk`
    throw new NatGwError('ERR_STATE_WRITE', message, { path: stateFile })
  }
  if (existsSync(stateFile) && !statSync(stateFile).isFile()) refuse('it is there, and no regular file')
  const folder = nearestFolder(stateFile)
  if (!statSync(folder).isDirectory()) refuse(`${folder} is no folder`)
  const kind = NO_DISK[fileSystemType(folder)]
  if (kind !== undefined) refuse(`${folder} is ${kind}, which keeps no files`)
}

/** The lowest folder above the path that exists, links followed. */
function nearestFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(folder)) return realpathSync(folder)
  }
}
