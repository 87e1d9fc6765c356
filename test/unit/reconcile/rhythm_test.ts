import assert from "node:assert/strict";
import { runPasses } from "../../../lib/reconcile/rhythm.ts";

/** Passes that take so long each, in milliseconds; the last figure goes for all that follow. */
async function passes(every_ms: number, for_ms: number, takes_ms: readonly (number | "busy")[]) {
  let now_ms = 1_000_000;
  const begun: number[] = [];
  const told: number[] = [];
  const clock = {
    now_ms: () => now_ms,
    sleep: (ms: number) => Promise.resolve(void (now_ms += ms)),
  };
  const count = await runPasses(clock, { every_ms, for_ms }, ({ skipped }) => {
    begun.push(now_ms - 1_000_000);
    told.push(skipped);
    const took = takes_ms[Math.min(begun.length, takes_ms.length) - 1]!;
    if (took !== "busy") now_ms += took;
    return Promise.resolve(took !== "busy");
  });
  return { begun, told, count };
}

Deno.test("passes come at their times, however long they take within them", async () => {
  const { begun, count } = await passes(5_000, 20_000, [100, 4_900, 5_000]);
  assert.deepEqual(begun, [0, 5_000, 10_000, 15_000, 20_000]);
  assert.deepEqual(count, { passes: 5, skipped: 0 });
});

Deno.test("what comes too late for a pass is left out and counted, not made up for", async () => {
  const { begun, told, count } = await passes(5_000, 30_000, [100, 11_000, 100]);
  assert.deepEqual(begun, [0, 5_000, 20_000, 25_000, 30_000]);
  assert.deepEqual(told, [0, 0, 2, 0, 0]);
  assert.deepEqual(count, { passes: 5, skipped: 2 });
});

Deno.test("a pass for which another run leaves no room is left out and counted", async () => {
  const { told, count } = await passes(5_000, 10_000, ["busy", "busy", 100]);
  assert.deepEqual(told, [0, 1, 2]);
  assert.deepEqual(count, { passes: 1, skipped: 2 });
});

Deno.test("none begins once the time is up, and what lies behind it is not counted", async () => {
  const { begun, count } = await passes(5_000, 58_000, [100_000]);
  assert.deepEqual([begun, count], [[0], { passes: 1, skipped: 11 }]);
  assert.deepEqual((await passes(1_000, 0, [10])).count, { passes: 1, skipped: 0 });
});
