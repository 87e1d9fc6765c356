import type { FilesPort } from "../sys/ports.ts";

/** What is read of processes. */
export type Reader = Pick<FilesPort, "read">;

/**
 * Whether a process has come to its end, also where nobody has asked how. Its command line tells nothing of that: it is
 * empty for a moment while another program takes its place (execve(2)).
 */
export function hasEnded(files: Reader, pid: number): boolean {
  const state = statFields(files, pid)?.[0];
  return state === undefined || state === "Z" || state === "X";
}

/** When it was started, clock ticks since the machine was: field 22. Undefined where there is no such process. */
export function startTicks(files: Reader, pid: number): number | undefined {
  const field = pid > 0 ? statFields(files, pid)?.[19] : undefined;
  return field === undefined ? undefined : Number(field);
}

/** Empty where there is no such process, or it has ended and nobody has asked how. */
export function commandLine(files: Reader, pid: number): string[] {
  return readQuietly(files, `/proc/${pid}/cmdline`)?.split("\0") ?? [];
}

/** From the third on: the second, the program's name, may have any character in it (proc_pid_stat(5)). */
function statFields(files: Reader, pid: number): string[] | undefined {
  const text = readQuietly(files, `/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ");
}

/** It may end while it is looked at (ESRCH). */
function readQuietly(files: Reader, path: string): string | undefined {
  try {
    return files.read(path);
  } catch {
    return undefined;
  }
}
