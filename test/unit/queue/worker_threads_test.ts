import assert from "node:assert/strict";
import { DEFAULT_MARK_MASK, markLayout } from "../../../lib/model/mark.ts";
import { WorkerThreads } from "../../../lib/queue/worker_threads.ts";

/** Nobody has so many files open. */
const NO_FD = 1_000_000;

Deno.test("a thread that has failed is told of, and is not waited for", async () => {
  const table = {
    token: "one",
    marks: markLayout(DEFAULT_MARK_MASK)!,
    queues: { first: 1, count: 1 },
    services: [],
  };
  const { promise: failed, resolve } = Promise.withResolvers<string>();
  const threads = new WorkerThreads([{ queue: 1, fd: NO_FD }], table, {
    change() {},
    failure: resolve,
  });
  assert.match(await failed, /EBADF/);
  await threads.stop();
});
