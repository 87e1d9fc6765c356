/** A thread of the worker: a composition root of its own, started by name. */
import { LiveCounts } from "../../engine/nfqueue/live.ts";
import type { QueueTable } from "../../engine/nfqueue/table.ts";
import { batchSockets } from "../../sys/batch_socket.ts";
import { sockets } from "../../sys/socket.ts";
import { Pacer } from "./pacer.ts";
import { type Counts, NOTHING_COUNTED, PATIENCE_MS, type ThreadOrder } from "../protocol.ts";
import { QueueThread } from "./queue_thread.ts";
import { ThreadControl } from "../thread_control.ts";
import { type Step, ThreadLoop, type ThreadScope } from "./thread_loop.ts";

/** What the events' thread says in place of a table, once it has counted all that is there. */
const COUNTED = "counted";

const scope = globalThis as unknown as ThreadScope<ThreadOrder>;

scope.addEventListener("message", ({ data }) => void begin(data), { once: true });

async function begin(order: ThreadOrder): Promise<void> {
  const control = new ThreadControl(order.control);
  const step = order.kind === "queue" ? queueStep(order) : eventsStep(order);
  await new ThreadLoop(scope as unknown as ThreadScope<QueueTable>, control, step).run();
}

function now(): number {
  return performance.now();
}

/** What stops this thread: a wait for a word that nobody changes. */
function makePause(): (ms: number) => void {
  const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  return (ms) => void Atomics.wait(nobody, 0, 0, ms);
}

function queueStep({ bound, loads, index, table }: ThreadOrder & { kind: "queue" }): Step {
  const thread = new QueueThread(batchSockets, bound, { shared: loads, index }, table);
  const pacer = new Pacer({ now_ms: now, pause: makePause() });
  return {
    step: () => pacer.rest(thread.step()),
    tally: () => thread.counter.take(),
    token: () => thread.token,
    choose: (next) => thread.choose(next),
  };
}

function eventsStep({ marks, loads }: ThreadOrder & { kind: "events" }): Step {
  const ports = { batchSockets, sockets, now_ms: now, pause: makePause() };
  const live = new LiveCounts(ports, marks, loads, { timeout_ms: PATIENCE_MS });
  let told = 0;
  return {
    step: () => void live.step(),
    token: () => live.isReady ? COUNTED : "",
    tally: (): Counts => {
      const events_lost = live.events_lost - told;
      told = live.events_lost;
      return { ...NOTHING_COUNTED, events_lost };
    },
  };
}
