import assert from "node:assert/strict";
import { askedBackends, isFresh, loadAfter } from "../../../lib/health/load.ts";
import { costOfTime } from "../../../lib/scheduler/load.ts";
import { serviceWith } from "./service.ts";

const HEALTH = 'type = "none"\ninterval = "1s"\ntimeout = "300ms"\nsource = "192.0.2.9"';

/** A service that asks for loads; the keys come last, where a table of the service is open. */
async function asking(backends: readonly string[]) {
  const service = await serviceWith(HEALTH, backends);
  return { ...service, scheduler: "cpu", agent_port: 9777 } as const;
}

Deno.test("backends with a weight are asked, when and from where their checks would, also without a check", async () => {
  const service = await asking(["", "weight = 0", 'health = { timeout = "700ms", port = 81 }']);
  const asked = askedBackends([service, { ...service, scheduler: "wlc" }]);
  assert.deepEqual(asked.map(({ key }) => key), ["198.51.100.1|80", "198.51.100.3|80"]);
  const [first, third] = asked.map(({ target }) => target);
  assert.deepEqual(first?.load, { agent_port: 9777 });
  assert.deepEqual(
    [first?.health.interval_ms, first?.health.timeout_ms, first?.health.source],
    [1_000, 300, "192.0.2.9"],
  );
  assert.deepEqual([third?.health.timeout_ms, third?.health.port], [700, undefined]);
});

Deno.test("what was read holds for three minutes, or three intervals, and for its own scheduler", async () => {
  const service = await asking([""]);
  const row = loadAfter(service, "a|80", undefined, costOfTime(5), 1_000);
  assert.ok(isFresh(service, row, 181_000) && !isFresh(service, row, 181_001));
  assert.ok(!isFresh(service, row, 999), "a clock that was set back");
  assert.ok(!isFresh({ ...service, scheduler: "lr" }, row, 1_000));
  const seldom = { ...service, health: { ...service.health!, interval_ms: 100_000 } };
  assert.ok(isFresh(seldom, row, 301_000) && !isFresh(seldom, row, 301_001));
});

Deno.test("who cannot be read keeps what was known, and begins anew once that is old", async () => {
  const service = await asking([""]);
  const known = loadAfter(service, "a|80", undefined, costOfTime(5), 1_000);
  const unread = loadAfter(service, "a|80", known, { reason: "no answer" }, 2_000);
  assert.deepEqual(unread, { ...known, checked_at_ms: 2_000, reason: "no answer" });
  const back = loadAfter(service, "a|80", unread, costOfTime(500), 900_000);
  assert.equal(back.cost, costOfTime(500).cost);
  const never = loadAfter(service, "a|80", undefined, { reason: "no answer" }, 2_000);
  assert.equal(never.read_at_ms, null);
});
