/** Every code an error of ours can carry; docs/errors.md says what each means and what to do. */
export type ErrorCode =
  | 'ERR_MANIFEST_READ' // the folder of manifests or a file in it cannot be read
  | 'ERR_MANIFEST_SYNTAX' // not YAML
  | 'ERR_MANIFEST_ENCODING' // not UTF-8 text
  | 'ERR_MANIFEST_LIMIT' // a manifest is too large, or there are too many
  | 'ERR_MANIFEST_AMBIGUOUS' // a value that YAML 1.1 and YAML 1.2 read in different ways
  | 'ERR_MANIFEST_REMOVAL' // objects are in no manifest any more, and not deleted yet
  | 'ERR_DELETION_WAITS' // an object that is being deleted is still needed
  | 'ERR_MANIFEST_KIND' // unknown apiVersion or kind
  | 'ERR_INVALID_FIELD' // a field is missing, unknown, of a wrong type or value
  | 'ERR_IMMUTABLE_FIELD'
  | 'ERR_DUPLICATE_OBJECT' // two manifests describe one object
  | 'ERR_NOT_FOUND'
  | 'ERR_ALREADY_EXISTS'
  | 'ERR_CONFLICT' // resourceVersion out of date
  | 'ERR_STATE_CORRUPT' // the state file is cut short or damaged
  | 'ERR_STATE_VERSION' // the state file is from a newer version
  | 'ERR_STATE_LOCKED' // another process writes the state file
  | 'ERR_STATE_WRITE' // the state file cannot be written (disk full, permissions)
  | 'ERR_CONFIG_READ'
  | 'ERR_CONFIG_INVALID'
  | 'ERR_PREFIX_OVERLAP' // a public prefix overlaps the private side
  | 'ERR_NO_ROOT' // missing privileges
  | 'ERR_NO_BTF' // kernel without /sys/kernel/btf/vmlinux
  | 'ERR_NO_BPFFS'
  | 'ERR_KERNEL_LACKS' // a feature the programs need
  | 'ERR_BPF_LOAD' // verifier or libbpf refused the object
  | 'ERR_MAP_LAYOUT' // a pinned map is not of this build's layout
  | 'ERR_MAP_FULL'
  | 'ERR_MAP_WRITE' // the kernel refused a map entry for another reason than its limit
  | 'ERR_ATTACH' // program could not be attached
  | 'ERR_NO_DEVICE' // interface does not exist
  | 'ERR_ALREADY_RUNNING' // another natgw holds the instance or the device
  | 'ERR_RUN_FOLDER' // the folder for running processes is not ours alone
  | 'ERR_NOT_LOADED' // no pinned programs of this instance
  | 'ERR_NETLINK' // the kernel refused a request about links, routes or neighbours
  | 'ERR_NATIVE_ADDON' // addon not built or not loadable
  | 'ERR_FLOWS_LIVE' // it would end living flows, which wants a yes
  | 'ERR_OUTPUT' // what a command prints cannot be written
  | 'ERR_USAGE' // command line

/**
 * An error a user can act on: the message names the object, the field, the value and what would be right.
 */
export class NatGwError extends Error {
  readonly code: ErrorCode
  /** Machine-readable particulars: object, field, value, path, device, errno, … */
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NatGwError'
    this.code = code
    this.details = details
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

export function isError(error: unknown, code: ErrorCode): error is NatGwError {
  return error instanceof NatGwError && error.code === code
}
