/** `lb queue`: a composition root of its own. */
import { plural } from "../../model/plural.ts";
import { workerPlaces, type WorkerStatus } from "../../model/worker.ts";
import { batchSockets } from "../../sys/batch_socket.ts";
import { clock } from "../../sys/clock.ts";
import { daemons } from "../../sys/daemons.ts";
import { files } from "../../sys/files.ts";
import { heldSockets } from "../../sys/held_socket.ts";
import { listeners } from "../../sys/listener.ts";
import { locks } from "../../sys/lock.ts";
import { serviceManager } from "../../sys/service_manager.ts";
import type { Listener, ServiceManager } from "../../sys/ports.ts";
import { serveControl } from "./control.ts";
import { limitedLog, type Log } from "./log.ts";
import { Predecessor } from "./predecessor.ts";
import { QueueSet } from "../queue_set.ts";
import { Supervisor } from "./supervisor.ts";
import { succeed, takeQueues } from "./take_over.ts";

/** How `lb queue` is started. */
export interface SupervisorStart {
  readonly runDir: string;
  readonly version: string;
  /** Starts `lb queue` of this folder. */
  readonly self: readonly [string, ...string[]];
  readonly say: (line: string) => void;
  /** How many supervisors in a row have died soon, so that their workers started another. */
  readonly revivals: number;
}

const TAKE_OVER_MS_MAX = 30_000;

/** How often the service manager hears of us, and the run folder is looked for. */
const LIVE_EVERY_MS = 1_000;

const STOPPING: readonly Deno.Signal[] = ["SIGTERM", "SIGINT"];

/**
 * Supervises until it is told to stop: at its control socket, or by a signal.
 *
 * @throws {LbError} where it cannot take the queues over, and whoever has them goes on; or where it fails later, and
 * the kernel chooses from then on
 */
export async function runSupervisor(start: SupervisorStart): Promise<void> {
  const log = limitedLog(start.say, () => performance.now());
  const queues = new QueueSet({ files, heldSockets, batchSockets });
  const { runDir, version, self, revivals } = start;
  const ports = {
    files,
    clock,
    daemons,
    log,
    runDir,
    version,
    pid: Deno.pid,
    worker: self,
    revivals,
  };
  // Nobody is left to be chosen for, and the one whose supervisor has died will see that, too.
  if (revivals > 0 && !files.stat(workerPlaces(runDir).table)) return;
  heldSockets.allowTaking();
  // Before anything is taken: where it cannot be had, nothing has changed.
  const listener = listeners.bind(workerPlaces(runDir).socket);
  try {
    const lock = await locks.acquire(workerPlaces(runDir).lock, TAKE_OVER_MS_MAX);
    let life: Life | undefined;
    try {
      life = await takeOver(new Supervisor(ports, queues), queues, runDir);
    } finally {
      lock.release();
    }
    if (life) await live(life, listener, log);
  } finally {
    listener.close();
  }
}

/** A supervisor in charge, and the end of its run. */
interface Life {
  readonly supervisor: Supervisor;
  readonly ended: Promise<void>;
}

async function takeOver(
  supervisor: Supervisor,
  queues: QueueSet,
  runDir: string,
): Promise<Life | undefined> {
  const predecessor = new Predecessor({ files, clock, daemons, heldSockets, runDir });
  const way = { supervisor, queues, predecessor, clock };
  for (const signal of STOPPING) Deno.addSignalListener(signal, () => void supervisor.stop());
  await takeQueues(way);
  const ended = supervisor.run();
  try {
    if (await succeed(way)) return { supervisor, ended };
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  // Told to stop in the middle of it, or not wanted any more.
  await ended;
}

/** Whatever fails in it, the queues are given up in good order, or its worker would start it again for ever. */
async function live(
  { supervisor, ended }: Life,
  listener: Listener,
  log: Log,
): Promise<void> {
  const manager = serviceManager();
  let timer: ReturnType<typeof setInterval> | undefined;
  try {
    serveControl(listener, supervisor);
    Deno.addSignalListener(
      "SIGHUP",
      () => void supervisor.reload().catch((error) => log(`${error}`)),
    );
    manager?.tell("READY=1");
    const every_ms = Math.min(LIVE_EVERY_MS, (manager?.watchdog_ms ?? Infinity) / 2);
    timer = setInterval(() => look(supervisor, manager, log), every_ms);
    await ended;
  } finally {
    await supervisor.stop();
    clearInterval(timer);
    manager?.tell("STOPPING=1");
  }
}

function look(
  supervisor: Supervisor,
  manager: ServiceManager | undefined,
  log: Log,
): void {
  try {
    const status = supervisor.status();
    manager?.tell("WATCHDOG=1", `STATUS=${describe(status, supervisor.isServing)}`);
    // Whether or not whoever removed it knows of us.
    if (!supervisor.isWanted) void supervisor.stop();
  } catch (error) {
    log(`${error}`);
  }
}

function describe({ worker_pid, seen, restarts }: WorkerStatus, isServing: boolean): string {
  const who = isServing ? `process ${worker_pid} chooses` : "the kernel chooses";
  return `${who}; ${plural(seen, "packet")} seen, ${plural(restarts, "restart")}`;
}
