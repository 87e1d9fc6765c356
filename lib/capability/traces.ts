import type { FilesPort } from "../sys/ports.ts";

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
 * config, and of programs. As long as it is the same, what was missing is missing still.
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
  return paths.map((path) => files.stat(path)?.size_bytes ?? "").join();
}
