// What the machine must have before anything is loaded, so that a refusal names the lack and not its symptom.
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import { NatGwError } from '../errors/errors.ts'

/** Kernel features the programs use, and the first Linux that has each (bpf-helpers(7), kernel changelogs). */
const FEATURES = [
  { since: '5.5', feature: 'bpf_jiffies64 and mmap of array maps' },
  { since: '5.7', feature: 'XDP attached through BPF links' },
  { since: '5.8', feature: 'BPF ring buffer' },
  { since: '5.14', feature: 'programs of type syscall' },
  { since: '5.15', feature: 'bpf_timer' },
  { since: '5.17', feature: 'bpf_loop' },
  { since: '5.18', feature: 'XDP programs for frames in several buffers, and bpf_xdp_load_bytes' },
] as const

/** Bits of CapEff in /proc/self/status (linux/capability.h). */
const CAPABILITIES = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const

/** @throws ERR_NO_ROOT, ERR_KERNEL_LACKS, ERR_NO_BTF */
export function preflight(): void {
  const missing = missingCapabilities(readFileSync('/proc/self/status', 'utf8'))
  if (missing.length > 0) {
    throw new NatGwError(
      'ERR_NO_ROOT',
      `loading BPF programs needs ${missing.join(', ')}, which this process lacks: run it as root`,
      { missing },
    )
  }
  const lacks = missingFeatures(release())
  if (lacks.length > 0) {
    throw new NatGwError(
      'ERR_KERNEL_LACKS',
      `Linux ${release()} lacks ${lacks.join('; ')}: Linux ${FEATURES.at(-1)?.since} or newer is needed`,
      { kernel: release(), lacks },
    )
  }
  if (!existsSync('/sys/kernel/btf/vmlinux')) {
    throw new NatGwError(
      'ERR_NO_BTF',
      'the kernel has no /sys/kernel/btf/vmlinux: it must be built with CONFIG_DEBUG_INFO_BTF=y',
      { path: '/sys/kernel/btf/vmlinux' },
    )
  }
}

/** @param status contents of /proc/<pid>/status */
export function missingCapabilities(status: string): string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const has = (bit: number) => ((effective >> BigInt(bit)) & 1n) === 1n
  if (has(CAPABILITIES.CAP_SYS_ADMIN) && has(CAPABILITIES.CAP_NET_ADMIN)) return []
  return (['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN'] as const).filter((name) => !has(CAPABILITIES[name]))
}

/** @param kernel as `uname -r` prints it */
export function missingFeatures(kernel: string): string[] {
  const [major = 0, minor = 0] = kernel.split('.').map((part) => Number.parseInt(part, 10))
  return FEATURES.filter(({ since }) => {
    const [sinceMajor = 0, sinceMinor = 0] = since.split('.').map(Number)
    return major < sinceMajor || (major === sinceMajor && minor < sinceMinor)
  }).map(({ feature, since }) => `${feature} (Linux ${since})`)
}
