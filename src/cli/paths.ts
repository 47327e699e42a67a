import { fileURLToPath } from 'node:url'

/** Folder of the package: src/cli and dist/cli are equally deep in it. */
const root = fileURLToPath(new URL('../..', import.meta.url))

/** The compiled BPF programs; NATGW_BPF_OBJECT names another file. */
export const OBJECT_PATH = process.env.NATGW_BPF_OBJECT ?? `${root}build/bpf/natgw.bpf.o`

/** Holds what belongs to running processes; gone with a reboot, as they are. */
export const RUN_FOLDER = '/run/natgw'
