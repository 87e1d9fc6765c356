import assert from "node:assert/strict";
import fc from "fast-check";
import { beyondHabit, failureOf, type Traffic, withTraffic } from "../../../lib/health/passive.ts";

const GOOD = { ok: true, reason: "", took_ms: 3 };

const ROWS: readonly (readonly [Traffic, string | undefined])[] = [
  [{ opened: 12, unanswered: 7, reset: 0 }, "7 of 12 new connections were not answered"],
  [{ opened: 12, unanswered: 0, reset: 6 }, "6 of 12 new connections were reset"],
  [{ opened: 10, unanswered: 4, reset: 1 }, "4 of 10 new connections were not answered, 1 reset"],
  [{ opened: 12, unanswered: 5, reset: 0 }, undefined],
  [{ opened: 9, unanswered: 9, reset: 0 }, undefined],
  [{ opened: 0, unanswered: 50, reset: 0 }, undefined],
  [{ opened: 10, unanswered: 50, reset: 50 }, "10 of 10 new connections were not answered"],
];

Deno.test("a backend fails where half of at least ten new connections came to nothing, in words", () => {
  for (const [traffic, words] of ROWS) assert.equal(failureOf(traffic), words);
});

Deno.test("it speaks against a good check, and nothing speaks for a bad one", () => {
  const bad = { ok: false, reason: "connection refused", took_ms: 3 };
  const failing = { opened: 20, unanswered: 20, reset: 0 };
  assert.equal(withTraffic(bad, failing), bad);
  assert.equal(withTraffic(bad, { opened: 20, unanswered: 0, reset: 0 }), bad);
  assert.equal(withTraffic(GOOD, undefined), GOOD);
  const reason = "20 of 20 new connections were not answered";
  assert.deepEqual(withTraffic(GOOD, failing), { ok: false, reason, took_ms: 3 });
});

Deno.test("resets that clients make at every backend speak against none of them", () => {
  const traffic = (opened: number, reset: number): Traffic => ({ opened, reset, unanswered: 1 });
  const rows: readonly (readonly [Traffic, readonly Traffic[], number])[] = [
    [traffic(20, 15), [traffic(20, 14), traffic(20, 16)], 1],
    [traffic(20, 15), [traffic(20, 0), traffic(20, 16)], 15],
    [traffic(20, 15), [], 15],
    [traffic(20, 15), [traffic(9, 9)], 15],
    [traffic(20, 5), [traffic(20, 20)], 0],
  ];
  for (const [one, others, reset] of rows) {
    assert.deepEqual(beyondHabit(one, others), { ...one, reset });
  }
});

Deno.test("what is told never adds up to more than there was", () => {
  const count = fc.nat(1_000);
  fc.assert(
    fc.property(fc.record({ opened: count, unanswered: count, reset: count }), (traffic) => {
      const numbers = failureOf(traffic)?.match(/\d+/g)?.map(Number);
      if (!numbers) return;
      const [first = 0, opened = 0, second = 0] = numbers;
      assert.ok(first + second <= opened && opened === traffic.opened);
    }),
  );
});
