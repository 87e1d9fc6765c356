/** The process that chooses: a composition root of its own, started by the supervisor. */
import { batchSockets } from "../sys/batch_socket.ts";
import { clock } from "../sys/clock.ts";
import { daemons } from "../sys/daemons.ts";
import { files } from "../sys/files.ts";
import { heldSockets } from "../sys/held_socket.ts";
import { standard } from "../sys/standard.ts";
import { findSuccessor } from "./orphan.ts";
import type { WorkerOrder } from "./protocol.ts";
import { QueueSet } from "./queue_set.ts";
import { WorkerProcess } from "./worker_process.ts";

/** How the process is started. */
export interface WorkerStart {
  /** A {@linkcode WorkerOrder} as JSON. */
  readonly order: string;
  readonly runDir: string;
  /** Starts a supervisor, where ours is gone and nobody else starts one. */
  readonly supervisor?: readonly [string, ...string[]];
}

/** Chooses until it is told to stop, by its supervisor or by SIGTERM. */
export async function runWorker({ order, runDir, supervisor }: WorkerStart): Promise<void> {
  const { queues } = JSON.parse(order) as WorkerOrder;
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
  const isAlone = end === "abandoned" &&
    !await findSuccessor({ clock, daemons, files, runDir, supervisor }, told.promise);
  await worker.close();
  if (isAlone) held.giveUp();
}
