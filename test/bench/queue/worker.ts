import type { QueueTable } from "../../../lib/engine/nfqueue/table.ts";
import { inside } from "../../../lib/demo/namespace.ts";
import {
  observeWorker,
  startWorker,
  stopWorker,
  type WorkerHost,
  writeTable,
} from "../../../lib/host/worker/worker.ts";
import { markLayout } from "../../../lib/model/mark.ts";
import type { Scheduler } from "../../../lib/model/service.ts";
import { workerPlaces, type WorkerStatus } from "../../../lib/model/worker.ts";
import { clock } from "../../../lib/sys/clock.ts";
import { daemons } from "../../../lib/sys/daemons.ts";
import { files } from "../../../lib/sys/files.ts";
import { process } from "../../../lib/sys/process.ts";
import type { TrafficLab } from "../lab.ts";
import { LB } from "../lb.ts";
import { VIP, VIP_PORT } from "../servers.ts";
import { FIRST_MARK, QUEUE } from "./rules.ts";

/** Ids from bit 0 on, so that a backend's id is the very mark that nfqlb's rules know it by. */
const PLAIN_MARKS = 0x1ff;

/** Who looks after the worker in the balancer's namespace. */
export function workerHost({ topology }: TrafficLab): WorkerHost {
  return {
    kernel: { files, process, clock, runDir: `${topology.folder}/run` },
    daemons,
    self: inside(topology.balancer, LB) as [string, ...string[]],
  };
}

/** What `lb apply` would write, but for the marks and the queue, which are those of nfqlb's rules. */
export function plainTable(backends: readonly string[], scheduler: Scheduler): QueueTable {
  return {
    token: "bench",
    marks: markLayout(PLAIN_MARKS)!,
    queues: { first: QUEUE, count: 1 },
    services: [{
      name: "bench",
      vip: [{ family: 4, text: VIP, length: 32 }],
      protocol: "tcp",
      ports: [{ first: VIP_PORT, last: VIP_PORT }],
      scheduler,
      bound: 0,
      backends: backends.map((text, index) => ({
        id: FIRST_MARK + index,
        address: { family: 4, text },
        port: VIP_PORT,
        weight: 100,
        effective_weight: 100,
        max_connections: 0,
      })),
    }],
  };
}

/** Starts the worker as `lb apply` does, with a table of the bench's. */
export async function startPlainWorker(
  lab: TrafficLab,
  scheduler: Scheduler,
): Promise<WorkerStatus> {
  const host = workerHost(lab);
  files.mkdir(host.kernel.runDir, 0o700);
  writeTable(host, plainTable(lab.backends, scheduler));
  return await startWorker(host);
}

/** @throws {Error} where there is none, or it says nothing */
export async function workerStatus(lab: TrafficLab): Promise<WorkerStatus> {
  const view = await observeWorker(workerHost(lab));
  if (!view?.responsive) throw new Error("the queue worker does not answer");
  return view.status;
}

/** Its table goes, too: `lb apply` would take it for what an lb has left here. */
export async function endWorker(lab: TrafficLab): Promise<void> {
  const host = workerHost(lab);
  await stopWorker(host);
  files.remove(workerPlaces(host.kernel.runDir).table);
}
