import type { FilesPort } from "../../sys/ports.ts";

/** Where distributions say on which stable release their kernel is built: `uname -r` of theirs ends in .0. */
const EXACT: readonly (readonly [file: string, release: RegExp])[] = [
  ["/proc/version", / Debian (\d+\.\d+\.\d+)/],
  ["/proc/version_signature", /^Ubuntu \S+ (\d+\.\d+\.\d+)/],
];

/** The release whose changes a kernel has, as well as it tells. @param release `uname -r` */
export function exactRelease(files: Pick<FilesPort, "read">, release: string): string {
  for (const [file, pattern] of EXACT) {
    const exact = pattern.exec(files.read(file) ?? "")?.[1];
    if (exact !== undefined) return exact;
  }
  return release;
}

/** A change of the kernel's: the first release with it, and the first of each older series it was put into. */
interface Fix {
  readonly since: readonly [number, number];
  /** By series: the first number behind it. */
  readonly stable: Readonly<Record<string, number>>;
}

/** Changes that decide what a sysctl means. */
const FIXES = {
  /** f0a5e4d7a594: a port is used again without a lost packet, unless conntrack has kept its old entry. */
  "reuse with conntrack": {
    since: [5, 9],
    stable: { "4.14": 194, "4.19": 140, "5.4": 59, "5.7": 16, "5.8": 2 },
  },
  /** c95c07836fa4: conn_reuse_mode 0 does not send new connections to a backend with weight 0 any more. */
  "weight 0 without reuse mode": {
    since: [5, 16],
    stable: { "5.4": 163, "5.10": 83, "5.15": 6 },
  },
} as const satisfies Readonly<Record<string, Fix>>;

/**
 * Whether a kernel has a change. One that says nothing of its version is taken for an old one. Pure.
 *
 * @param release `uname -r`
 */
export function hasFix(name: keyof typeof FIXES, release: string): boolean {
  const { since: [since, sinceMinor], stable }: Fix = FIXES[name];
  const [, major, minor, patch = "0"] = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(release) ?? [];
  if (major === undefined || minor === undefined) return false;
  const first = stable[`${major}.${minor}`];
  if (first !== undefined) return Number(patch) >= first;
  return Number(major) > since || Number(major) === since && Number(minor) >= sinceMinor;
}
