import assert from "node:assert/strict";
import { process } from "../../../lib/sys/process.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../../lib/model/mark.ts";
import { WorkerThreads } from "../../../lib/queue/worker/worker_threads.ts";

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
    uncounted() {},
    failure: resolve,
  });
  assert.match(await failed, /EBADF/);
  await threads.stop();
});

Deno.test({
  name: "where conntrack tells of no connections, the queues' threads choose all the same",
  ignore: Deno.uid() !== 0,
  async fn() {
    const inside = new URL("./uncounted_inside.ts", import.meta.url).pathname;
    const deno = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", inside];
    const { stdout } = await process.run(["setpriv", "--bounding-set=-net_admin", ...deno]);
    // It has no such queue, which it can tell of only where it was started.
    assert.match(stdout, /^uncounted: .*EPERM.*\nthe queue's thread: .*EBADF/s);
  },
});
