import type { FilesPort } from "../sys/ports.ts";

/** Whether this process is a worker of this run folder, or its supervisor: judged by its command line. */
export function isWorker(files: Pick<FilesPort, "read">, pid: number, runDir: string): boolean {
  const words = pid > 0 ? commandLine(files, pid) : [];
  const named = words.filter((_, at) => words[at - 1] === "--run-dir");
  return words.includes("queue") && named.every((word) => word === runDir);
}

/** Empty where there is no such process, or it has ended and nobody has asked how. */
function commandLine(files: Pick<FilesPort, "read">, pid: number): string[] {
  try {
    return files.read(`/proc/${pid}/cmdline`)?.split("\0") ?? [];
  } catch {
    // It ends while it is looked at (ESRCH).
    return [];
  }
}
