import assert from "node:assert/strict";
import { newSharedLoads } from "../../../../lib/engine/nfqueue/shared_loads.ts";
import type { ChoosingOrder } from "./choosing_thread.ts";
import { backends, LAYOUT, type QueueSpec, tableOf } from "./rig.ts";

const THREADS = 2;

/** As many as fit into a ring: nobody takes them out. */
const CHOICES = 8_000;

/** Has threads choose at the same time. @returns connections of b1, b2, …, and choices left to the kernel */
async function chooseAtOnce(spec: QueueSpec): Promise<{ counts: number[]; left: number }> {
  const shared = newSharedLoads(LAYOUT, THREADS);
  const ready = new SharedArrayBuffer(4);
  const table = tableOf(spec);
  const left = await Promise.all(Array.from({ length: THREADS }, async (_, thread) => {
    const module = new URL("./choosing_thread.ts", import.meta.url);
    const worker = new Worker(module, { type: "module" });
    const done = new Promise<number>((resolve) => worker.onmessage = ({ data }) => resolve(data));
    const order: ChoosingOrder = { table, shared, thread, choices: CHOICES, ready };
    worker.postMessage(order);
    const left = await done;
    worker.terminate();
    return left;
  }));
  const counts = new Int32Array(shared.counts);
  return {
    counts: table.services[0]!.backends.map(({ id }) => counts[id]!),
    left: left.reduce((sum, one) => sum + one, 0),
  };
}

Deno.test("threads that choose at once take no place twice", async () => {
  // Many last places: two threads are seldom at the same one at the same time.
  const limited = backends(250).map((one) => ({ ...one, max_connections: 8 }));
  for (const scheduler of ["lc", "maglev", "rr"] as const) {
    const { counts, left } = await chooseAtOnce({ scheduler, backends: limited });
    assert.deepEqual(counts, new Array(250).fill(8));
    assert.equal(left, THREADS * CHOICES - 2_000);
  }
});
