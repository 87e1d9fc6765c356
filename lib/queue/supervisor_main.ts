/** `lb queue`: a composition root of its own. */
import { workerPlaces } from "../model/worker.ts";
import { batchSockets } from "../sys/batch_socket.ts";
import { clock } from "../sys/clock.ts";
import { daemons } from "../sys/daemons.ts";
import { files } from "../sys/files.ts";
import { heldSockets } from "../sys/held_socket.ts";
import { listeners } from "../sys/listener.ts";
import { locks } from "../sys/lock.ts";
import { serviceManager } from "../sys/service_manager.ts";
import { serveControl } from "./control.ts";
import { limitedLog, type Log } from "./log.ts";
import { Predecessor } from "./predecessor.ts";
import { QueueSet } from "./queue_set.ts";
import { Supervisor } from "./supervisor.ts";
import { succeed, takeQueues } from "./take_over.ts";

/** How `lb queue` is started. */
export interface SupervisorStart {
  readonly runDir: string;
  readonly version: string;
  /** Starts `lb queue` of this folder. */
  readonly self: readonly [string, ...string[]];
  readonly say: (line: string) => void;
}

const TAKE_OVER_MS_MAX = 30_000;

/** How often the service manager hears of us, and the run folder is looked for. */
const LIVE_EVERY_MS = 1_000;

const STOPPING: readonly Deno.Signal[] = ["SIGTERM", "SIGINT"];

/** Supervises until it is told to stop: at its control socket, or by a signal. */
export async function runSupervisor(start: SupervisorStart): Promise<void> {
  const log = limitedLog(start.say, () => performance.now());
  const queues = new QueueSet({ files, heldSockets, batchSockets });
  const { runDir, version, self } = start;
  const ports = { files, clock, daemons, log, runDir, version, pid: Deno.pid, worker: self };
  heldSockets.allowTaking();
  const lock = await locks.acquire(workerPlaces(runDir).lock, TAKE_OVER_MS_MAX);
  let life: Life | undefined;
  try {
    life = await takeOver(new Supervisor(ports, queues), queues, runDir);
  } finally {
    lock.release();
  }
  if (life) await live(life, runDir, log);
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
  // Told to stop in the middle of it.
  await ended;
}

async function live({ supervisor, ended }: Life, runDir: string, log: Log): Promise<void> {
  const { socket } = workerPlaces(runDir);
  const control = serveControl(listeners, socket, supervisor);
  Deno.addSignalListener(
    "SIGHUP",
    () => void supervisor.reload().catch((error) => log(`${error}`)),
  );
  const manager = serviceManager();
  manager?.tell("READY=1");
  const timer = setInterval(() => {
    manager?.tell("WATCHDOG=1", `STATUS=${describe(supervisor)}`);
    // Who removes the folder has done with us, whether or not he thinks of us.
    if (!files.stat(runDir)) supervisor.stop();
  }, Math.min(LIVE_EVERY_MS, (manager?.watchdog_ms ?? Infinity) / 2));
  await ended;
  manager?.tell("STOPPING=1");
  clearInterval(timer);
  control.close();
}

function describe(supervisor: Supervisor): string {
  const { worker_pid, seen, restarts } = supervisor.status();
  const who = supervisor.isServing ? `process ${worker_pid} chooses` : "the kernel chooses";
  return `${who}; ${seen} packets seen, ${restarts} restarts`;
}
