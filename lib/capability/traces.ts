import type { FilesPort } from "../sys/ports.ts";
import { NFT_PROBES, PASSIVE_PROBES } from "./probes.ts";

/** Where a program is looked for that nothing else tells of. */
const PROGRAM_FOLDERS = [
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];

/**
 * What changes where something is installed that a capability hangs on: sizes of the kernel's module lists and
 * config, and of programs. As long as it is the same, what was missing is missing still. Another lb may ask for
 * more.
 *
 * @param release of the kernel
 */
export function tracesOf(files: Pick<FilesPort, "stat">, release: string): string {
  const paths = [
    `/lib/modules/${release}/modules.dep`,
    `/lib/modules/${release}/modules.builtin`,
    `/boot/config-${release}`,
    ...PROGRAM_FOLDERS.map((folder) => `${folder}/iptables-legacy`),
  ];
  const asked = [...NFT_PROBES, ...PASSIVE_PROBES].map(({ id }) => id);
  return [...paths.map((path) => files.stat(path)?.size_bytes ?? ""), ...asked].join();
}
