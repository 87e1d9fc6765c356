import assert from "node:assert/strict";
import { neededToRise, recordSince, step, unbelieved } from "../../../lib/health/hysteresis.ts";
import type { HealthRecord } from "../../../lib/model/health.ts";

const LIMITS = { rise: 2, fall: 3 };
const SECOND_MS = 1_000;

/** Steps through results, `+` and `-`, one a second; the states after each, by their first letters. */
function walk(results: string, from?: HealthRecord, limits = LIMITS) {
  const seen: string[] = [];
  let now_ms = from?.checked_at_ms ?? 0;
  let record = from ?? recordSince(SECOND_MS, "unknown");
  for (const sign of results) {
    now_ms += SECOND_MS;
    const ok = sign === "+";
    record = step(record, { ok, reason: ok ? "" : "refused", took_ms: 1 }, limits, now_ms);
    seen.push({ unknown: "?", healthy: "h", unhealthy: "u" }[record.state]);
  }
  return { seen: seen.join(""), record };
}

/** Rows of: results, the states after each of them. */
const WALKS = [
  ["+", "h", "one success admits"],
  ["-+", "?h", "one success admits after a failure, too"],
  ["---", "??u", "who was never well is condemned by fall failures"],
  ["+--+---", "hhhhhhu", "fall failures in a row, not in all"],
  ["+---+-++", "hhhuuuuh", "rise successes in a row, not in all"],
  ["+---++", "hhhuuh", "back after rise"],
] as const;

for (const [results, states, name] of WALKS) {
  Deno.test(`${results}: ${name}`, () => assert.equal(walk(results).seen, states));
}

Deno.test("since and the time of rising are those of the change, not of the last check", () => {
  const { record } = walk("+---++++");
  assert.deepEqual([record.since_ms, record.risen_at_ms], [6_000, 6_000]);
  assert.equal(record.checked_at_ms, 8_000);
  assert.equal(walk("++").record.risen_at_ms, null, "who never fell has not risen");
});

Deno.test("a failure that is not believed leaves the state as it was, and counts all the same", () => {
  const { record } = walk("+--");
  const after = unbelieved(record, { ok: false, reason: "silent", took_ms: 7 }, 9_000);
  const seen = { streak: 3, reason: "silent", check_ms: 7, checked_at_ms: 9_000 };
  assert.deepEqual(after, { ...record, ...seen });
  assert.equal(walk("-", after).seen, "u", "believed again, it falls at once");
  assert.equal(walk("+--", after).seen, "hhh", "a success in between, and it counts anew");
});

Deno.test("the first falls are forgiven; who goes on falling has to be well for longer each time", () => {
  const flaps = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100];
  assert.deepEqual(
    flaps.map((each) => neededToRise(LIMITS, each)),
    [2, 2, 2, 4, 8, 16, 32, 64, 64, 64],
  );
  const { record } = walk("+" + "---++".repeat(3) + "---");
  assert.equal(record.flaps, 3);
  assert.equal(walk("++++", record).seen, "uuuh");
});

Deno.test("who was well for ten minutes begins anew with its flaps", () => {
  const { record } = walk("+" + "---++".repeat(3) + "---++++");
  assert.equal(record.flaps, 3);
  const later = { ...record, checked_at_ms: record.checked_at_ms + 10 * 60_000 };
  assert.equal(walk("---", later).record.flaps, 0);
});
