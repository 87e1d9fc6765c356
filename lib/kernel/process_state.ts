import type { FilesPort } from "../sys/ports.ts";

/**
 * Whether a process has come to its end, also where nobody has asked how. Its command line tells nothing of that: it is
 * empty for a moment while another program takes its place (execve(2)).
 */
export function hasEnded(files: Pick<FilesPort, "read">, pid: number): boolean {
  try {
    const text = files.read(`/proc/${pid}/stat`);
    // Behind the program's name, which may have any character in it (proc_pid_stat(5)).
    return text === undefined || /\) [ZX] [^)]*$/.test(text);
  } catch {
    // It ends while it is looked at (ESRCH).
    return true;
  }
}
