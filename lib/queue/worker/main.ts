/** The process that chooses: a composition root of its own, started by the supervisor. */
import { batchSockets } from "../../sys/batch_socket.ts";
import { clock } from "../../sys/clock.ts";
import { daemons } from "../../sys/daemons.ts";
import { files } from "../../sys/files.ts";
import { heldSockets } from "../../sys/held_socket.ts";
import { standard } from "../../sys/standard.ts";
import { estateHolders, leaveEstate, readEstate } from "../../kernel/worker_identity.ts";
import { findSuccessor } from "./orphan.ts";
import type { WorkerOrder } from "../protocol.ts";
import { QueueSet } from "../queue_set.ts";
import { WorkerProcess } from "./worker_process.ts";

/** How the process is started. */
export interface WorkerStart {
  /** A {@linkcode WorkerOrder} as JSON. */
  readonly order: string;
  readonly runDir: string;
  /** Starts a supervisor, where ours is gone and nobody else starts one. */
  readonly supervisor?: readonly [string, ...string[]];
  readonly say: (line: string) => void;
}

/** Chooses until it is told to stop, by its supervisor or by SIGTERM. */
export async function runWorker({ order, runDir, supervisor, say }: WorkerStart): Promise<void> {
  const { queues, revivals = 0 } = JSON.parse(order) as WorkerOrder;
  heldSockets.allowTaking();
  const held = new QueueSet({ files, heldSockets, batchSockets });
  for (const { queue, fd } of queues) held.adopt(queue, heldSockets.inherited(fd));
  const worker = new WorkerProcess({ files, standard, runDir }, queues);
  const told = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGTERM", () => {
    told.resolve();
    worker.stop();
  });
  // A terminal sends them to the supervisor as well, which says what is to be done.
  for (const signal of ["SIGINT", "SIGHUP"] as const) Deno.addSignalListener(signal, () => {});
  const end = await worker.run();
  if (end === "abandoned") leaveOwnEstate(held, runDir);
  const ports = { clock, daemons, files, runDir, supervisor, revivals, say };
  const isAlone = end === "abandoned" &&
    !await findSuccessor({ ...ports, age_ms: performance.now() }, told.promise);
  await worker.close();
  if (isAlone) held.giveUp();
}

/** A supervisor that died before it wrote down whom it had started has left a worker that no successor would find. */
function leaveOwnEstate(held: QueueSet, runDir: string): void {
  if (estateHolders(files, runDir, readEstate(files, runDir)).length > 0) return;
  leaveEstate(files, runDir, { supervisor: 0, worker: Deno.pid, sockets: held.estate });
}
