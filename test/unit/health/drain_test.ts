import assert from "node:assert/strict";
import fc from "fast-check";
import {
  endings,
  intentsOf,
  lasting,
  nextDeadline,
  secondsLeft,
  type Wish,
  wished,
} from "../../../lib/health/drain.ts";
import { effectiveWeight } from "../../../lib/health/effective_weight.ts";
import { endChange, wishChange, wishesBetween } from "../../../lib/health/intent_change.ts";
import { type IntentRecord, type IntentRow, INTENTS } from "../../../lib/model/intent.ts";
import { backendKey } from "../../../lib/model/service.ts";
import { serviceWith } from "./service.ts";

const PLAIN = { balance: { slow_start_ms: 0, bound: 0 } };
const SLOW = { balance: { slow_start_ms: 30_000, bound: 0 } };
const SHORT = { ...PLAIN, drain: { deadline_ms: 5_000 } };

const KEY = { service: "web", backend: "198.51.100.1|80" };
const ABOUT = { ...KEY, endpoint: "198.51.100.1:80" };

const wishes: fc.Arbitrary<Wish> = fc.oneof(
  fc.constantFrom({ kind: "ready" } as const, { kind: "maintenance" } as const),
  fc.record({ kind: fc.constant("drain" as const), removes: fc.boolean(), cuts: fc.boolean() }),
);

/** What a list of wishes, one a second, comes to. */
function after(list: readonly Wish[]): IntentRecord | undefined {
  return list.reduce<IntentRecord | undefined>(
    (before, wish, index) => wished(wish, SHORT, before, 1_000 * index),
    undefined,
  );
}

Deno.test("only who is ready has a weight, whatever else there is", () => {
  for (const intent of INTENTS) {
    assert.equal(effectiveWeight(100, { intent }), intent === "ready" ? 100 : 0);
    assert.equal(effectiveWeight(100, { intent, load: 2 }), intent === "ready" ? 200 : 0);
  }
});

Deno.test("the last wish counts, and who is ready has nothing on record where nothing grows", () => {
  fc.assert(
    fc.property(fc.array(wishes), wishes, (list, last) => {
      const now = after([...list, last]);
      assert.equal(now?.intent ?? "ready", last.kind);
      if (last.kind === "ready") assert.equal(now, undefined);
      if (last.kind === "maintenance") assert.equal(now?.deadline_ms, null);
      if (last.kind === "drain") assert.equal(now?.removes, last.removes);
    }),
  );
});

Deno.test("a wish that is said again changes nothing, and is no event", () => {
  fc.assert(
    fc.property(fc.array(wishes), wishes, (list, last) => {
      if (last.kind === "drain" && last.cuts) return;
      const once = after([...list, last]);
      const now_ms = 1_000_000;
      const twice = wished(last, SHORT, once, now_ms);
      assert.deepEqual(twice, once);
      assert.deepEqual(wishChange(ABOUT, once, twice, now_ms), []);
    }),
  );
});

Deno.test("a drain lasts as long as its service says, 60 s by default, and 0 is over at once", () => {
  assert.equal(wished({ kind: "drain" }, PLAIN, undefined, 1_000)?.deadline_ms, 61_000);
  assert.equal(wished({ kind: "drain" }, SHORT, undefined, 1_000)?.deadline_ms, 6_000);
  const zero = { ...PLAIN, drain: { deadline_ms: 0 } };
  const row = { ...KEY, ...wished({ kind: "drain" }, zero, undefined, 1_000)! };
  assert.equal(endings([{ row, connections: 3 }], 1_000)[0]?.ended, "cut");
});

Deno.test("who asks again for a drain does not put its deadline off; --cut brings it forward", () => {
  const first = wished({ kind: "drain" }, SHORT, undefined, 1_000);
  assert.equal(wished({ kind: "drain" }, SHORT, first, 4_000)?.deadline_ms, 6_000);
  assert.equal(wished({ kind: "drain", cuts: true }, SHORT, first, 4_000)?.deadline_ms, 4_000);
});

Deno.test("who was drained and is now to be cut is looked at once more; who was cut is not", () => {
  const first = wished({ kind: "drain" }, SHORT, undefined, 0)!;
  const cut = (ended: IntentRecord["ended"]) =>
    wished({ kind: "drain", cuts: true }, SHORT, { ...first, ended }, 4_000)?.ended;
  assert.deepEqual([cut("drained"), cut("cut")], [null, "cut"]);
});

Deno.test("a drain ends once: with its last connection, or at its deadline and not before", () => {
  fc.assert(
    fc.property(fc.nat(10_000), fc.nat(10_000), fc.nat(3), (deadline_ms, now_ms, connections) => {
      const row: IntentRow = {
        ...KEY,
        intent: "drain",
        since_ms: 0,
        deadline_ms,
        removes: false,
        ended: null,
      };
      const [ending] = endings([{ row, connections }], now_ms);
      const isOver = now_ms >= deadline_ms;
      assert.equal(ending?.ended, connections === 0 ? "drained" : isOver ? "cut" : undefined);
      if (ending) {
        const ended = { ...row, ended: ending.ended };
        assert.deepEqual(endings([{ row: ended, connections }], now_ms), []);
        assert.equal(nextDeadline([ended]), undefined);
      }
      assert.equal(nextDeadline([row]), deadline_ms);
    }),
  );
});

Deno.test("maintenance never ends, and nothing of it is cut", () => {
  const row = { ...KEY, ...wished({ kind: "maintenance" }, SHORT, undefined, 0)! };
  assert.deepEqual(endings([{ row, connections: 5 }], 1e15), []);
  assert.equal(nextDeadline([row]), undefined);
  assert.equal(secondsLeft(row, 0), null);
});

Deno.test("seconds left are whole, and never less than none", () => {
  const row = wished({ kind: "drain" }, SHORT, undefined, 0)!;
  assert.deepEqual([0, 1, 4_999, 5_000, 9_000].map((now) => secondsLeft(row, now)), [
    5,
    5,
    1,
    0,
    0,
  ]);
});

Deno.test("what is wanted goes with the backend; who is ready is remembered while it grows", async () => {
  const service = await serviceWith("", ["", ""], '[service.balance]\nslow_start = "30s"');
  const [known, gone] = [backendKey(service.backends[0]!), "198.51.100.9|80"];
  const ready = wished(
    { kind: "ready" },
    SLOW,
    wished({ kind: "drain" }, SLOW, undefined, 0),
    1_000,
  )!;
  const rows = [
    { service: "web", backend: known, ...ready },
    { service: "web", backend: gone, ...ready },
    { service: "old", backend: known, ...ready },
  ];
  assert.deepEqual(lasting(rows, [service], 2_000), rows.slice(0, 1));
  assert.deepEqual(lasting(rows, [service], 31_000), []);
  const drains = rows.map((row) => ({ ...row, intent: "drain" as const }));
  assert.deepEqual(lasting(drains, [service], 1e12), drains.slice(0, 1));
  const find = intentsOf(drains);
  assert.deepEqual(service.backends.map((one) => find(service, one)?.intent), ["drain", undefined]);
});

Deno.test("events say what begins, until when, and how it ended with how many", () => {
  const drain = wished({ kind: "drain", removes: true }, SHORT, undefined, 0);
  const words = (now: IntentRecord | undefined, before?: IntentRecord) =>
    wishChange(ABOUT, before, now, 0).map(({ kind, message }) => `${kind}: ${message}`);
  assert.deepEqual(words(drain), [
    "drain: web 198.51.100.1:80 drains: no new connections, what is left is cut in 5 s, and it " +
    "leaves the config",
  ]);
  assert.deepEqual(words(undefined, drain), [
    "drain: web 198.51.100.1:80 is ready again: it gets connections now",
  ]);
  assert.equal(
    endChange(ABOUT, "cut", 1).message,
    "web 198.51.100.1:80 is at its deadline: 1 connection cut",
  );
  assert.match(endChange(ABOUT, "drained", 0).message, /is drained: no connection is left$/);
});

Deno.test("what was asked of backends meanwhile is told, and not what has come of itself", () => {
  const of = (backend: string, record: IntentRecord | undefined) =>
    record ? [{ service: "web", backend, ...record }] : [];
  const [one, six] = ["198.51.100.1|80", "2001:db8::1|"];
  const drain = wished({ kind: "drain" }, SHORT, undefined, 0)!;
  const ready = wished({ kind: "ready" }, SLOW, drain, 1_000)!;
  const leaving = wished({ kind: "drain", removes: true }, SHORT, drain, 1_000)!;
  const cut = wished({ kind: "drain", cuts: true }, SHORT, drain, 1_000)!;
  const between = (before?: IntentRecord, now?: IntentRecord, backend = one) =>
    wishesBetween(of(backend, before), of(backend, now));
  assert.deepEqual(between(undefined, drain), ["198.51.100.1:80 has been set to drain"]);
  assert.deepEqual(between(undefined, leaving, six), [
    "2001:db8::1 has been set to drain, to be removed then",
  ]);
  assert.deepEqual(between(drain, undefined), ["198.51.100.1:80 has been set to ready"]);
  assert.deepEqual(between(drain, ready), ["198.51.100.1:80 has been set to ready"]);
  assert.deepEqual(between(drain, leaving), ["198.51.100.1:80 is to be removed"]);
  assert.deepEqual(between(drain, cut), ["198.51.100.1:80 has another deadline of its drain"]);
  assert.deepEqual(between(drain, { ...drain, ended: "drained" }), []);
  assert.deepEqual(between(ready, undefined), []);
  assert.deepEqual(between(drain, drain), []);
});
