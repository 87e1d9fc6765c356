import type { FilesPort } from "../sys/ports.ts";

/** The mount that /proc/sys/net is reached by, as /proc/self/mounts tells it. */
export interface ProcSysMount {
  readonly path: string;
  /** Containers mount it so: root there still cannot write. */
  readonly isReadOnly: boolean;
}

/** Where the sysctls can be mounted that lb sets: some runtimes mount net apart, writable. */
const WHERE: readonly (string | undefined)[] = ["/proc", "/proc/sys", "/proc/sys/net"];

/**
 * Asked anew each time: it differs between mount namespaces, and between one run and the next. The last
 * mount counts and not the deepest, since a later one hides what was mounted below it before.
 */
export function procSysMount(files: Pick<FilesPort, "read">): ProcSysMount {
  const mounts = (files.read("/proc/self/mounts") ?? "").split("\n")
    .map((line) => line.split(" "))
    .filter(([, where]) => WHERE.includes(where));
  const [, path, , options] = mounts.at(-1) ?? [];
  return { path: path ?? "/proc", isReadOnly: options?.split(",").includes("ro") ?? false };
}
