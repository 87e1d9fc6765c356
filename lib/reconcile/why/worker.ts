import { looksAtLoad } from "../../engine/nfqueue/chooser.ts";
import { type QueueTable, queueTable } from "../../engine/nfqueue/table.ts";
import type { WorkerWord } from "../../engine/why.ts";
import type { DesiredState, PlacedService } from "../../model/state.ts";
import { followsLoad } from "../../scheduler/load.ts";
import { isHashScheduler } from "../../scheduler/slots.ts";
import { reportWorker, type WorkerReport } from "../queue.ts";
import type { Onlooker } from "../status.ts";

/**
 * What the queue worker does for new connections of a state's queued services. It is asked only where there is
 * one that it chooses for.
 */
export async function workerWords(
  machine: Pick<Onlooker, "kernel" | "worker">,
  state: DesiredState,
): Promise<(service: PlacedService) => WorkerWord> {
  const table = queueTable(state);
  const report = table && await reportWorker(machine);
  return (service) => wordOf(service, table, report);
}

/** Pure. */
function wordOf(
  service: PlacedService,
  table: QueueTable | undefined,
  report: WorkerReport | undefined,
): WorkerWord {
  if (!report || report.state === "gone" || report.status?.worker_pid === 0) {
    return { message: "no queue worker runs: the kernel's slots choose" };
  }
  if (report.state !== "answers") {
    return {
      message: "the queue worker does not answer: where it does not choose, the kernel does",
    };
  }
  const doubt = report.status?.token === table?.token
    ? undefined
    : "the queue worker chooses by other services than those in force";
  const queued = table?.services.find(({ name }) => name === service.name);
  const counts = queued !== undefined && looksAtLoad(queued) &&
    report.status?.uncounted === undefined;
  const reason = reasonOf(service, queued, counts);
  const message = reason === undefined
    ? `the queue worker (process ${report.pid}) chooses by the same slots as the kernel`
    : `the queue worker (process ${report.pid}) chooses`;
  return {
    message,
    goesOn: counts,
    ...reason !== undefined && { reason },
    ...doubt !== undefined && { doubt },
  };
}

/** Why its choice cannot be told. @param counts it looks at the connections that there are */
function reasonOf(
  { scheduler }: PlacedService,
  queued: QueueTable["services"][number] | undefined,
  counts: boolean,
): string | undefined {
  if (!queued) return "nothing tells what the worker knows of it";
  if (counts && followsLoad(scheduler)) {
    return `${scheduler}: it depends on the connections of each backend at that moment`;
  }
  if (counts && queued.bound > 0) {
    return `bound = ${queued.bound}: it depends on the connections of each backend at that moment`;
  }
  if (isHashScheduler(scheduler)) return undefined;
  if (scheduler === "random") return "random: each connection is drawn for by itself";
  return `${scheduler}: whose turn it is, each thread of the worker knows for itself`;
}
