/** Test equipment: a worker's threads in a process that may not listen to conntrack, and what they say. */
import { DEFAULT_MARK_MASK, markLayout } from "../../../lib/model/mark.ts";
import { WorkerThreads } from "../../../lib/queue/worker/worker_threads.ts";
import { queueServiceOf } from "../engine/nfqueue/rig.ts";

new WorkerThreads([{ queue: 1, fd: 1_000_000 }], {
  token: "one",
  marks: markLayout(DEFAULT_MARK_MASK)!,
  queues: { first: 1, count: 1 },
  services: [queueServiceOf({ scheduler: "wlc" })],
}, {
  change() {},
  uncounted: (message) => console.log(`uncounted: ${message}`),
  failure(message) {
    console.log(`the queue's thread: ${message}`);
    Deno.exit();
  },
});
