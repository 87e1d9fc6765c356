/** Weights that follow connections on nft, from one run to the next. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import {
  dueAfter,
  EVERYBODY,
  healthPass,
  type IsDue,
} from "../../../lib/reconcile/health/health.ts";
import { unreadLoads } from "../../../lib/reconcile/health/load.ts";
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
    for (let run = 0; run < 19; run++) await rig.run(CONFIG);
    const rest = await rig.run(CONFIG);
    assert.equal(rest.changed, false, "it comes to rest");
    connect(rig, [0, 0]);
    for (let run = 0; run < 29; run++) await rig.run(CONFIG);
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

/** A pass of `lb reconcile`. */
async function pass(rig: Rig, text: string, isDue: IsDue = EVERYBODY) {
  const { config } = await parseConfig(text, "lb.toml");
  await healthPass(rig.machine, config, isDue);
  return await rig.run(text);
}

/** How many slots the second backend has for each of the first's. */
function ratio(rig: Rig): number {
  const [first = 0, second = 0] = [FIRST, SECOND].map((address) =>
    slots(rig)[`jump b-${rig.ids()[`web ${address}|`]}`]
  );
  return second / first;
}

const TIMED = CONFIG.replace('scheduler = "wlc"', 'scheduler = "lr"\nhealth = { type = "tcp" }');

Deno.test(
  "lr: slots follow the times of checks, and rest where those do",
  withRig(async (rig) => {
    rig.verdict = ({ address: { text } }) => ({
      ok: true,
      reason: "",
      took_ms: text === FIRST ? 28 : 88,
    });
    await rig.run(TIMED);
    for (let run = 0; run < 10; run++) await pass(rig, TIMED);
    assert.ok(Math.abs(ratio(rig) * 3 - 1) < 0.15, `${ratio(rig)}`);
    const rest = await pass(rig, TIMED);
    assert.deepEqual([rest.changed, rest.notes], [false, []]);
  }),
);

Deno.test(
  "lr: a plan moves no weight, whatever is known by then",
  withRig(async (rig) => {
    await rig.run(TIMED);
    await rig.run(TIMED);
    rig.verdict = ({ address: { text } }) => ({
      ok: true,
      reason: "",
      took_ms: text === FIRST ? 30 : 900,
    });
    const { config } = await parseConfig(TIMED, "lb.toml");
    await healthPass(rig.machine, config, EVERYBODY);
    assert.equal((await rig.plan(TIMED)).changed, false);
    assert.equal((await rig.run(TIMED)).changed, true);
  }),
);

Deno.test(
  "lr: a check that fails has no time, and says nothing of the load",
  withRig(async (rig) => {
    await rig.run(TIMED);
    const before = rig.store.loads.all();
    assert.equal(before.length, 2);
    rig.verdict = () => ({ ok: false, reason: "refused", took_ms: 2_000 });
    await pass(rig, TIMED);
    assert.deepEqual(rig.store.loads.all(), before);
  }),
);

const ASKED = CONFIG.replace(
  'scheduler = "wlc"',
  'scheduler = "cpu"\nagent_port = 9777\nhealth = { type = "none" }',
);

/** What agents say from now on; undefined of one that does not answer. */
function say(rig: Rig, figures: Readonly<Record<string, number | undefined>>): void {
  rig.verdict = ({ address: { text }, load }) => {
    assert.deepEqual(load, { agent_port: 9777 });
    const value = figures[text];
    return value === undefined
      ? { ok: false, reason: "connection refused", took_ms: 1 }
      : { ok: true, reason: "", took_ms: 1, load: { kind: "share", value } };
  };
}

/** What `lb status` has to say beside. */
async function notes(rig: Rig, text: string) {
  const { config } = await parseConfig(text, "lb.toml");
  return unreadLoads(rig.machine, config);
}

Deno.test(
  "cpu: slots follow what agents say; what one said last counts for a while, then it counts as average",
  withRig(async (rig) => {
    say(rig, { [FIRST]: 1, [SECOND]: 0.33 });
    await rig.run(ASKED);
    for (let run = 0; run < 10; run++) await pass(rig, ASKED);
    assert.ok(Math.abs(ratio(rig) * 3 - 1) < 0.15, `${ratio(rig)}`);
    say(rig, { [FIRST]: 1 });
    await pass(rig, ASKED);
    assert.ok(ratio(rig) < 0.4, "it is believed a minute later");
    const [, unread] = rig.store.loads.all();
    assert.equal(unread?.reason, "connection refused");
    const words = `web: the load of ${SECOND} cannot be read (connection refused):`;
    assert.deepEqual(await notes(rig, ASKED), [`${words} the last one read counts for now`]);
    for (let run = 0; run < 10; run++) await pass(rig, ASKED);
    assert.ok(Math.abs(ratio(rig) - 1) < 0.02, `${ratio(rig)}`);
    assert.deepEqual(await notes(rig, ASKED), [`${words} it counts as average`]);
  }),
);

Deno.test(
  "cpu: the weight of who does not answer any more goes on to what it said last, and so it is told",
  withRig(async (rig) => {
    say(rig, { [FIRST]: 1, [SECOND]: 0.1 });
    await rig.run(ASKED);
    await pass(rig, ASKED);
    const before = ratio(rig);
    say(rig, { [FIRST]: 1 });
    await pass(rig, ASKED);
    assert.ok(ratio(rig) < before * 0.9, `${before}, ${ratio(rig)}`);
    const [note = ""] = await notes(rig, ASKED);
    assert.match(note, /: the last one read counts for now$/);
  }),
);

Deno.test(
  "cpu: whoever was asked a moment ago is not asked again, and nobody is of whom nothing follows",
  withRig(async (rig) => {
    say(rig, { [FIRST]: 1, [SECOND]: 1 });
    await rig.run(ASKED);
    const [{ checked_at_ms } = { checked_at_ms: 0 }] = rig.store.loads.all();
    await pass(rig, ASKED, dueAfter(checked_at_ms + 1_000, 500));
    assert.equal(rig.store.loads.all()[0]?.checked_at_ms, checked_at_ms);
    await rig.run(ASKED.replace("cpu", "wrr"));
    assert.deepEqual(rig.store.loads.all(), []);
  }),
);
