/** `loadable`: a module of this very kernel is there but not loaded; using it loads it. */
export type Answer = "yes" | "no" | "loadable" | "unknown";

/** Whether the kernel (or the machine) can do one thing, and how that is known. */
export interface Capability {
  readonly id: string;
  /** What it is needed for. */
  readonly purpose: string;
  readonly answer: Answer;
  /** Files read, errno, the kernel's or a program's own words. */
  readonly evidence: string;
}

/** What was found out about this machine. */
export interface Facts {
  /** `uname -r`. */
  readonly kernel: string;
  /** Version of the nft program, undefined where there is none. */
  readonly nft?: string;
  /** How many work. @default 1 */
  readonly processors?: number;
  readonly capabilities: readonly Capability[];
  /** What changes where something is installed that was missing (`tracesOf`). */
  readonly traces?: string;
}

/** The capability of a machine whose service manager looks after the queue worker. */
export const WORKER_KEPT = "queue-service";

/** Whether something that needs this capability can be tried. Unknown counts: the kernel will say. */
export function isPossible(capability: Capability): boolean {
  return capability.answer !== "no";
}
