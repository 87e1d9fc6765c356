import { workerPlaces } from "../../model/worker.ts";
import type { ClockPort, DaemonsPort, FilesPort } from "../../sys/ports.ts";
import { CALM_MS } from "../protocol.ts";

/** A supervisor takes a second to start and to take over, several on a machine that is very busy. */
const SUCCESSION_MS_MAX = 5_000;
const ATTEMPTS_MAX = 6;

/**
 * Supervisors that die one after the other, each soon after it has taken over, would go on to. Somebody who kills
 * them by hand has no such patience.
 */
const REVIVALS_MAX = 30;

/** What a worker whose supervisor is gone works with. */
export interface OrphanPorts {
  readonly clock: ClockPort;
  readonly daemons: Pick<DaemonsPort, "start">;
  readonly files: Pick<FilesPort, "stat">;
  readonly runDir: string;
  /** Starts a supervisor; undefined where a service manager does. */
  readonly supervisor?: readonly [string, ...string[]];
  /** How many supervisors in a row had died soon when this worker was started. */
  readonly revivals: number;
  /** Since then, ms. */
  readonly age_ms: number;
  readonly say: (line: string) => void;
}

/**
 * Goes on without a supervisor until a new one has taken over.
 *
 * @param taken comes true when that one says so
 * @returns whether there is one. Where nobody is to be chosen for any more there will be none, nor where one after the
 * other died
 */
export async function findSuccessor(ports: OrphanPorts, taken: Promise<void>): Promise<boolean> {
  const revival = ports.age_ms < CALM_MS ? ports.revivals + 1 : 1;
  if (ports.supervisor && revival > REVIVALS_MAX) {
    ports.say(
      `${REVIVALS_MAX} supervisors died one after the other: the kernel chooses from now on`,
    );
    return false;
  }
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    if (!ports.files.stat(workerPlaces(ports.runDir).table)) return false;
    if (ports.supervisor) ports.daemons.start([...ports.supervisor, "--revivals", `${revival}`]);
    const isTaken = taken.then(() => true);
    if (await Promise.race([isTaken, ports.clock.sleep(SUCCESSION_MS_MAX).then(() => false)])) {
      return true;
    }
  }
  return false;
}
