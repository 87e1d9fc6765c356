import type { ClockPort, DaemonsPort, FilesPort } from "../sys/ports.ts";

/** A supervisor takes a second to start and to take over, several on a machine that is very busy. */
const PATIENCE_MS = 5_000;
const ATTEMPTS_MAX = 6;

/** What a worker whose supervisor is gone works with. */
export interface OrphanPorts {
  readonly clock: ClockPort;
  readonly daemons: Pick<DaemonsPort, "start">;
  readonly files: Pick<FilesPort, "stat">;
  readonly runDir: string;
  /** Starts a supervisor; undefined where a service manager does. */
  readonly supervisor?: readonly [string, ...string[]];
}

/**
 * Goes on without a supervisor until a new one has taken over.
 *
 * @param taken comes true when that one says so
 * @returns whether there is one. Where the run folder is gone there will be none
 */
export async function findSuccessor(ports: OrphanPorts, taken: Promise<void>): Promise<boolean> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    if (!ports.files.stat(ports.runDir)) return false;
    if (ports.supervisor) ports.daemons.start(ports.supervisor);
    const isTaken = taken.then(() => true);
    if (await Promise.race([isTaken, ports.clock.sleep(PATIENCE_MS).then(() => false)])) {
      return true;
    }
  }
  return false;
}
