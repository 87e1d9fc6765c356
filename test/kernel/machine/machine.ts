/** What a program did on a machine. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command line for a machine, and its bounds. */
export interface Job {
  readonly argv: readonly [string, ...string[]];
  /** The one folder of which changes outlive the machine; it has the same path there. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  /** After this the machine is ended, with the program on it. Starting and ending count. */
  readonly timeout_ms: number;
  readonly signal?: AbortSignal;
  /** Gets what the program writes: while it runs where that can be had, else when it has ended. */
  readonly watch?: (bytes: Uint8Array) => void;
}

/** A kernel for tests. */
export interface Machine {
  readonly name: "own" | "uml" | "qemu";
  readonly what: string;
  /**
   * Gets what it takes to start it, once.
   *
   * @returns the release of its kernel. @throws {Unavailable} where it cannot be had
   */
  prepare(): Promise<string>;
  /**
   * Runs a program as root in this checkout, on a machine that has just started (but for our own kernel)
   * and is gone afterwards. It sees the files of this machine; what it writes, but for `folder`, is lost.
   *
   * @throws {Stopped} where the machine did not come up, or stopped before the program had ended
   */
  run(job: Job): Promise<Ended>;
}

/** A machine that this one cannot have; the message is the reason. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** A machine that ended before its program: too late, or broken. The message ends with its console. */
export class Stopped extends Error {
  override readonly name = "Stopped";
}

/** Root of this checkout, with a slash at the end. */
export const ROOT = new URL("../../..", import.meta.url).pathname;
