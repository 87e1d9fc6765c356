import { isRefusal, LbError } from "../../model/error.ts";
import { START_MS_MAX } from "../../model/worker.ts";
import type { ClockPort } from "../../sys/ports.ts";
import type { Predecessor } from "./predecessor.ts";
import type { QueueSet } from "../queue_set.ts";
import type { Supervisor } from "./supervisor.ts";

/** A queue is free as soon as the last process that had its socket is gone. */
const FREE_MS_MAX = 3_000;
const LOOK_EVERY_MS = 10;

/** What is taken over, by whom. */
export interface TakeOver {
  readonly supervisor: Supervisor;
  readonly queues: QueueSet;
  readonly predecessor: Predecessor;
  readonly clock: ClockPort;
}

/**
 * Takes the queues over: with a predecessor's sockets, so that there is no moment without a worker. Where its
 * sockets cannot be had it is ended first, and the kernel chooses meanwhile.
 *
 * @throws {KernelError} EPERM where somebody else has a queue
 */
export async function takeQueues(way: TakeOver): Promise<void> {
  const { supervisor, queues, predecessor, clock } = way;
  for (const [queue, socket] of predecessor.takeSockets()) queues.adopt(queue, socket);
  supervisor.hasHelp = predecessor.pids.length > 0;
  const until_ms = clock.now_ms() + FREE_MS_MAX;
  for (let attempt = 1;; attempt++) {
    try {
      if (supervisor.range) queues.bind(supervisor.range);
      return;
    } catch (error) {
      if (!isRefusal(error, ["EPERM"]) || clock.now_ms() > until_ms) throw error;
      if (attempt === 1) await predecessor.end();
      supervisor.hasHelp = predecessor.pids.length > 0;
      await clock.sleep(LOOK_EVERY_MS);
    }
  }
}

/**
 * Ends the predecessor as soon as somebody of ours serves.
 *
 * @returns whether the queues are ours now: not where we were told to stop before, or are not wanted any more
 * @throws {LbError} `kernel-refused` where nobody comes to serve; the predecessor goes on then
 */
export async function succeed(
  { supervisor, predecessor, queues, clock }: TakeOver,
): Promise<boolean> {
  const until_ms = clock.now_ms() + START_MS_MAX;
  const waits = () => !supervisor.isServing && !supervisor.isStopping && supervisor.isWanted;
  while (waits() && clock.now_ms() < until_ms) await clock.sleep(LOOK_EVERY_MS);
  // Whoever uninstalls knows of our predecessor alone, and our worker finds no table to begin with.
  if (!supervisor.isWanted) await supervisor.stop();
  if (supervisor.isStopping) return false;
  if (!supervisor.isServing && predecessor.pids.length > 0) {
    throw new LbError("kernel-refused", "no worker starts; the one that there is goes on");
  }
  supervisor.takeCharge();
  await predecessor.end();
  supervisor.hasHelp = false;
  // It may have had more queues than are wanted now; all of them where there is nothing to choose by.
  queues.giveUp(supervisor.range);
  return true;
}
