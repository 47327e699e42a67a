import { fileURLToPath } from 'node:url'

/** Folder of the package: src/cli and dist/cli are equally deep in it. */
export const PACKAGE_FOLDER = fileURLToPath(new URL('../..', import.meta.url))

/** The compiled BPF programs; NATGW_BPF_OBJECT names another file. */
export const OBJECT_PATH = process.env.NATGW_BPF_OBJECT ?? `${PACKAGE_FOLDER}build/bpf/natgw.bpf.o`
