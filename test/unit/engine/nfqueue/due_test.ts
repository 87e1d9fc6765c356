import assert from "node:assert/strict";
import { Due } from "../../../../lib/engine/nfqueue/due.ts";

/** After a reading from 0 on that took so long. */
function after(took_ms: number): Due {
  const due = new Due();
  due.begin(0);
  due.end(took_ms);
  return due;
}

Deno.test("without a loss nothing is due where every end will be told of", () => {
  assert.ok(!after(1).isNow(1e9, true, 0));
});

Deno.test("entries whose end nobody tells of are read again after five seconds, or fifty times what that takes", () => {
  assert.ok(!after(1).isNow(5_001, true, 3));
  assert.ok(after(1).isNow(5_002, true, 3));
  assert.ok(!after(1_000).isNow(51_000, true, 3));
  assert.ok(after(1_000).isNow(51_001, true, 3));
});

Deno.test("a loss is made up for as soon as what waited has been counted", () => {
  const due = after(1);
  due.lose(100);
  assert.ok(!due.isNow(101, false, 0));
  assert.ok(due.isNow(101, true, 0));
});

Deno.test("a backlog that does not end is waited for a second, counted from the first loss", () => {
  const due = after(1);
  due.lose(100);
  due.lose(900);
  assert.ok(!due.isNow(1_100, false, 0));
  assert.ok(due.isNow(1_101, false, 0));
});

Deno.test("losses do not make reading take more than a tenth of the time", () => {
  const due = after(200);
  due.lose(201);
  assert.ok(!due.isNow(2_200, true, 0));
  assert.ok(due.isNow(2_201, true, 0));
});

Deno.test("a reading makes up for the losses of before, not for those meanwhile", () => {
  const due = after(1);
  due.lose(100);
  due.begin(200);
  due.end(201);
  assert.ok(!due.isNow(1_000, true, 0));
  due.begin(1_000);
  due.lose(1_001);
  due.end(1_002);
  assert.ok(due.isNow(1_100, true, 0));
});
