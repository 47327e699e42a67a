// Names that become part of paths or go to the kernel. They are checked before anything is done with them.

/** The one rule for names of gateway instances: they are folders in bpffs and files in the run folder. */
export const INSTANCE_NAME = {
  pattern: /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/,
  what: 'a name of up to 32 lower-case letters, digits and dashes',
} as const

/** IFNAMSIZ − 1 bytes; what the kernel's dev_valid_name takes, in printable ASCII. */
export const DEVICE_NAME = {
  pattern: /^(?!\.{1,2}$)[!-.0-9;-~]{1,15}$/,
  what: 'the name of a network device (up to 15 characters)',
} as const

export function isInstanceName(text: string): boolean {
  return INSTANCE_NAME.pattern.test(text)
}

export function isDeviceName(text: string): boolean {
  return DEVICE_NAME.pattern.test(text)
}
