/** The queue worker among what a run observes, plans and brings about. */
import assert from "node:assert/strict";
import type { Facts } from "../../../lib/capability/facts.ts";
import { workerPlaces } from "../../../lib/model/worker.ts";
import { settledOutcome } from "../../../lib/reconcile/settled.ts";
import { FakeXtables } from "../../fake/xtables.ts";
import { FACTS, Rig, withRig } from "./rig.ts";

const QUEUED = `
[[service]]
name = "web"
vip = ["203.0.113.10"]
protocol = "tcp"
ports = ["80"]
engine = "nfqueue"

[[service.backend]]
address = "198.51.100.11"
`;

const TWO = `${QUEUED}
[[service.backend]]
address = "198.51.100.12"
`;

const PLAIN = QUEUED.replace('engine = "nfqueue"', 'engine = "nft"');

/** A machine whose iptables can queue, and whose nft may. */
function equip(rig: Rig, { hasNftQueue = false } = {}): void {
  const can = (id: string, isThere = true) =>
    ({
      id,
      purpose: "testing",
      answer: isThere ? "yes" : "no",
      evidence: "test equipment",
    }) as const;
  const facts: Facts = {
    ...FACTS,
    capabilities: [
      ...FACTS.capabilities.filter(({ id }) => id !== "queue"),
      can("queue"),
      can("nft-queue", hasNftQueue),
    ],
  };
  rig.facts = facts;
  const files = rig.host.inside.files;
  const xtables = new FakeXtables(files);
  const { process } = rig.host.inside;
  const run = process.run.bind(process);
  process.run = (argv, options) => {
    const result = xtables.run(argv, options?.stdin);
    return result ? Promise.resolve(result) : run(argv, options);
  };
}

const objects = (outcome: { changes: readonly { engine: string; op: string; object: string }[] }) =>
  outcome.changes.filter(({ engine }) => engine === "nfqueue")
    .map(({ op, object }) => `${op} ${object}`);

const RULES = ["rules of iptables-legacy table mangle", "rules of ip6tables-legacy table mangle"];

Deno.test(
  "a queued service gets its rules and a worker; then there is nothing to do",
  withRig(async (rig) => {
    equip(rig);
    const planned = await rig.plan(QUEUED);
    assert.deepEqual(objects(planned), [...RULES.map((name) => `add ${name}`), "add worker"]);
    assert.equal(rig.daemons.token, undefined, "a plan starts nothing");
    assert.deepEqual(objects(await rig.run(QUEUED)), objects(planned));
    const table = rig.host.kernel.files.read(workerPlaces(rig.host.kernel.runDir).table)!;
    assert.equal(rig.daemons.token, (JSON.parse(table) as { token: string }).token);
    assert.equal((await rig.run(QUEUED)).changed, false);
    assert.equal((await rig.look(QUEUED)).changed, false);
  }),
);

Deno.test(
  "where nft has queues there is no rule of iptables'",
  withRig(async (rig) => {
    equip(rig, { hasNftQueue: true });
    assert.deepEqual(objects(await rig.run(QUEUED)), ["add worker"]);
  }),
);

Deno.test(
  "a new backend is told to the worker, after the kernel has it",
  withRig(async (rig) => {
    equip(rig);
    await rig.run(QUEUED);
    const before = rig.daemons.token;
    assert.deepEqual(objects(await rig.run(TWO)), ["change worker"]);
    assert.notEqual(rig.daemons.token, before);
  }),
);

for (
  const [how, break_] of [
    ["has died", (rig: Rig) => rig.daemons.kill()],
    ["does not answer", (rig: Rig) => rig.daemons.answers = false],
  ] as const
) {
  Deno.test(
    `a worker that ${how} is started anew, and that is drift`,
    withRig(async (rig) => {
      equip(rig);
      await rig.run(QUEUED);
      break_(rig);
      const { drift, changes } = await rig.run(QUEUED);
      assert.deepEqual(drift, ["worker"]);
      assert.deepEqual(changes.map(({ object }) => object), ["worker"]);
      assert.equal(rig.daemons.answers, true);
      assert.equal((await rig.run(QUEUED)).changed, false);
    }),
  );
}

Deno.test(
  "another mark_mask takes other rules, and nobody has changed the old ones",
  withRig(async (rig) => {
    equip(rig);
    await rig.run(QUEUED);
    const moved = `[lb]\nmark_mask = "0x000ff800"\n${QUEUED}`;
    const outcome = await rig.run(moved);
    assert.deepEqual(objects(outcome), [
      ...RULES.map((name) => `change ${name}`),
      "change worker",
    ]);
    assert.deepEqual(outcome.drift, []);
  }),
);

Deno.test(
  "a worker of another lb hands over to one of this lb, and that is no drift",
  withRig(async (rig) => {
    equip(rig);
    await rig.run(QUEUED);
    rig.version = "other";
    const { drift, changes } = await rig.run(QUEUED);
    assert.deepEqual([drift, objects({ changes })], [[], ["add worker"]]);
    rig.daemons.version = "other";
    rig.daemons.kill();
    await rig.run(QUEUED);
    assert.equal((await rig.run(QUEUED)).changed, false);
  }),
);

Deno.test(
  "a worker that does not come to choose is told of, and tried again",
  withRig(async (rig) => {
    equip(rig);
    rig.daemons.starts = false;
    const { blocked } = await rig.run(QUEUED);
    assert.match(blocked.join(), /queue worker: .*the kernel/);
    assert.equal(await settledOutcome(rig.machine, QUEUED, { dryRun: false }), undefined);
    rig.daemons.starts = true;
    const second = await rig.run(QUEUED);
    assert.deepEqual(second.blocked, []);
    assert.equal(second.changed, true);
  }),
);

Deno.test(
  "with the last queued service the worker ends, and its rules go",
  withRig(async (rig) => {
    equip(rig);
    const before = rig.host.inside.files.list(rig.host.kernel.runDir);
    await rig.run(QUEUED);
    const { changes } = await rig.run(PLAIN);
    assert.deepEqual(objects({ changes }), [
      ...RULES.map((name) => `remove ${name}`),
      "remove worker",
    ]);
    assert.equal(rig.daemons.token, undefined);
    const left = rig.host.inside.files.list(rig.host.kernel.runDir);
    assert.deepEqual(left.filter((name) => !before.includes(name) && name.startsWith("queue")), []);
  }),
);

Deno.test(
  "rules are found, and go, where somebody has emptied the run folder",
  withRig(async (rig) => {
    equip(rig);
    await rig.run(QUEUED);
    const places = workerPlaces(rig.host.kernel.runDir);
    const forget = () => {
      rig.daemons.kill();
      for (const path of [places.table, places.pid]) rig.host.kernel.files.remove(path);
    };
    forget();
    assert.deepEqual(objects(await rig.run(QUEUED)), ["add worker"]);
    forget();
    assert.deepEqual(objects(await rig.run("")), RULES.map((name) => `remove ${name}`));
  }),
);

Deno.test(
  "connections go on when a service moves between nft and the queue",
  withRig(async (rig) => {
    equip(rig);
    await rig.run(PLAIN);
    const { notes } = await rig.run(QUEUED);
    assert.match(notes.join("\n"), /web moves from nft to nfqueue: established connections go on/);
  }),
);
