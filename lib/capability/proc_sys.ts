import type { FilesPort } from "../sys/ports.ts";

/** The mount that /proc/sys is reached by, as /proc/self/mounts tells it. */
export interface ProcSysMount {
  readonly path: string;
  /** Containers mount it so: root there still cannot write. */
  readonly isReadOnly: boolean;
}

/** Asked anew each time: it differs between mount namespaces, and between one run and the next. */
export function procSysMount(files: Pick<FilesPort, "read">): ProcSysMount {
  const mounts = (files.read("/proc/self/mounts") ?? "").split("\n")
    .map((line) => line.split(" "))
    .filter(([, where]) => where === "/proc/sys" || where === "/proc");
  const [, path, , options] = mounts.at(-1) ?? [];
  return { path: path ?? "/proc", isReadOnly: options?.split(",").includes("ro") ?? false };
}
