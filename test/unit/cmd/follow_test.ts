import assert from "node:assert/strict";
import { pause_ms } from "../../../cmd/scale/follow.ts";

/** A drain with a connection left, at its deadline so many milliseconds after a look that began at 0. */
const open = (deadline_ms: number | null) => ({ deadline_ms, connections_left: 1 });

/** After a look that took so long. */
const after = (now_ms: number, tried_ms = -Infinity) => ({ begin_ms: 0, now_ms, tried_ms });

Deno.test("a look that takes long is followed by a longer pause", () => {
  assert.equal(pause_ms([open(60_000)], after(10)), 500);
  assert.equal(pause_ms([open(60_000)], after(3_000)), 12_000);
  assert.equal(pause_ms([open(null)], after(3_000)), 12_000);
});

Deno.test("a deadline is kept, however long a look takes, also one that came meanwhile", () => {
  assert.equal(pause_ms([open(60_000), open(4_000)], after(3_000)), 1_000);
  assert.equal(pause_ms([open(2_000)], after(3_000)), 20);
  assert.equal(pause_ms([open(2_000)], after(3_000, 1_000)), 20);
});

Deno.test("who has no connection left is not kept waiting", () => {
  const drain = { deadline_ms: 60_000, connections_left: 0 };
  assert.equal(pause_ms([drain], after(3_000)), 20);
});

Deno.test("what could not be ended just now is tried again after a pause", () => {
  assert.equal(pause_ms([open(-10)], after(10, -5)), 500);
  const drain = { deadline_ms: 60_000, connections_left: 0 };
  assert.equal(pause_ms([drain], after(10, -5)), 500);
});
