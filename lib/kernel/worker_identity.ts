import { workerPlaces } from "../model/worker.ts";
import type { FilesPort } from "../sys/ports.ts";
import { commandLine, type Reader, startTicks } from "./process_facts.ts";

/** A process. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started: whoever else comes to have its number later was not. Undefined where nobody noted it. */
  readonly start_ticks?: number;
}

/** What the holder of queues leaves for a successor: who it is, which sockets it has, and where. */
export interface Estate {
  readonly supervisor: number;
  readonly worker: number;
  /** When the two were started, clock ticks since the machine was. */
  readonly started?: { readonly supervisor?: number; readonly worker?: number };
  readonly sockets: readonly {
    readonly queue: number;
    readonly fd: number;
    readonly name: string;
  }[];
}

/** What was left, where it can be read. What we wrote ourselves, in a folder of our own: only its shape is looked at. */
export function readEstate(files: Reader, runDir: string): Estate | undefined {
  try {
    const estate = JSON.parse(files.read(workerPlaces(runDir).sockets) ?? "") as Estate;
    return Array.isArray(estate.sockets) ? estate : undefined;
  } catch {
    return undefined;
  }
}

/** Writes down what a successor needs. */
export function leaveEstate(
  files: Pick<FilesPort, "read" | "replace">,
  runDir: string,
  { supervisor, worker, sockets }: Omit<Estate, "started">,
): void {
  const started = {
    supervisor: startTicks(files, supervisor),
    worker: startTicks(files, worker),
  };
  const estate: Estate = { supervisor, worker, started, sockets };
  files.replace(workerPlaces(runDir).sockets, JSON.stringify(estate) + "\n", 0o600);
}

/** Who the run folder says is its supervisor, whether or not there is such a process. */
export function namedSupervisor(files: Reader, runDir: string): ProcessIdentity {
  const pid = Number(files.read(workerPlaces(runDir).pid));
  const estate = readEstate(files, runDir);
  return { pid, start_ticks: estate?.supervisor === pid ? estate.started?.supervisor : undefined };
}

/**
 * Whether this process is there, and is a worker of this run folder or its supervisor. Where nobody noted when it
 * was started, its command line has to name the folder.
 */
export function isWorker(
  files: Reader,
  { pid, start_ticks }: ProcessIdentity,
  runDir: string,
): boolean {
  const words = pid > 0 ? commandLine(files, pid) : [];
  if (!words.includes("queue")) return false;
  if (start_ticks !== undefined) return startTicks(files, pid) === start_ticks;
  const named = words.filter((_, at) => words[at - 1] === "--run-dir");
  return named.length > 0 && named.every((word) => word === runDir);
}

/** The processes that an estate names and that are there, the supervisor first. */
export function estateHolders(
  files: Reader,
  runDir: string,
  { supervisor = 0, worker = 0, started }: Partial<Estate> = {},
): number[] {
  return [
    { pid: supervisor, start_ticks: started?.supervisor },
    { pid: worker, start_ticks: started?.worker },
  ].filter((process) => isWorker(files, process, runDir)).map(({ pid }) => pid);
}
