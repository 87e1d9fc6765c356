/** Weights that follow connections on nft, from one run to the next. */
import assert from "node:assert/strict";
import type { Rig } from "./rig.ts";
import { withRig } from "./rig.ts";

const [FIRST, SECOND] = ["198.51.100.11", "198.51.100.12"] as const;

const CONFIG = `
[[service]]
name = "web"
vip = "192.0.2.10"
protocol = "tcp"
ports = [80]
scheduler = "wlc"
  [[service.backend]]
  address = "${FIRST}"
  [[service.backend]]
  address = "${SECOND}"
`;

/** So many connections at each. */
function connect(rig: Rig, counts: readonly [number, number]): void {
  const { flows } = rig.host.netfilter;
  flows.length = 0;
  for (const [index, address] of [FIRST, SECOND].entries()) {
    const mark = rig.ids()[`web ${address}|`]! << 8;
    for (let count = 0; count < counts[index]!; count++) {
      flows.push({ id: flows.length + 1, protocol: "tcp", mark, answered_by: address });
    }
  }
}

/** How many slots each backend has. */
function slots(rig: Rig): Record<string, number> {
  const map = rig.host.nft.table("inet lb")!.collections.get("sv-web4")!;
  const values = [...map.elements.values()];
  return Object.fromEntries(
    Array.from(Map.groupBy(values, (value) => value), ([value, all]) => [value, all.length]),
  );
}

Deno.test(
  "each run moves slots towards who has fewer connections, and none where nothing has changed",
  withRig(async (rig) => {
    await rig.run(CONFIG);
    const start = slots(rig);
    connect(rig, [90, 10]);
    const moved = await rig.run(CONFIG);
    assert.ok(moved.changed && moved.routine, "cron has nothing to tell of");
    assert.deepEqual(moved.drift, []);
    assert.equal(moved.revision, 1);
    const [before, after] = [Object.values(start), Object.values(slots(rig))];
    assert.ok(Math.abs(before[0]! - before[1]!) <= 1, before.join());
    assert.ok(Math.min(...after) < before[0]! * 0.75, after.join());
    for (let run = 0; run < 9; run++) await rig.run(CONFIG);
    const rest = await rig.run(CONFIG);
    assert.equal(rest.changed, false, "it comes to rest");
    connect(rig, [50, 50]);
    for (let run = 0; run < 9; run++) await rig.run(CONFIG);
    assert.deepEqual(slots(rig), start, "and back");
  }),
);

Deno.test(
  "a plan moves no weight: only a run that changes things counts connections",
  withRig(async (rig) => {
    await rig.run(CONFIG);
    connect(rig, [90, 10]);
    const sent = rig.host.netfilter.sent.length;
    assert.equal((await rig.plan(CONFIG)).changed, false);
    assert.equal(rig.host.netfilter.sent.length, sent);
  }),
);

Deno.test(
  "a weight that is set anew is met by what it follows",
  withRig(async (rig) => {
    await rig.run(CONFIG);
    connect(rig, [90, 10]);
    await rig.run(CONFIG);
    const zero = CONFIG.replace(`"${SECOND}"`, `"${SECOND}"\n  weight = 0`);
    const { routine } = await rig.run(zero);
    assert.equal(routine, false);
    assert.equal(Object.keys(slots(rig)).length, 1);
  }),
);
