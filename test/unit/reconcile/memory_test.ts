/** What is remembered of the kernel, and when that is not believed. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { nftEngine } from "../../../lib/engine/nft/engine.ts";
import type { DesiredState, PlacedService } from "../../../lib/model/state.ts";
import { committedOf, isUntouched, recall, stateChange } from "../../../lib/reconcile/memory.ts";
import { placeServices } from "../../../lib/reconcile/place.ts";
import { Crash } from "../../fake/gate.ts";
import { FakeHost } from "../../fake/host.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

/** How often a run reads the kernel. */
async function looksOf(rig: Rig, text: string): Promise<number> {
  rig.host.gate.open();
  await rig.run(text);
  return rig.host.gate.calls.filter((call) => call === "list tables").length;
}

/** What nft is to bring about for this config, once its backends have ids. */
async function wanted(rig: Rig, text: string): Promise<DesiredState> {
  const { config } = await parseConfig(text, "lb.toml");
  const engineOf = new Map(config.services.map(({ name }) => [name, "nft" as const]));
  return placeServices(config, engineOf, nftEngine, rig.store.backends.all(), rig.facts);
}

/** Services on record, as they were committed. */
function recorded(rig: Rig): Record<string, PlacedService> {
  const services = rig.store.commits.services("nft", rig.machine.host);
  return Object.fromEntries(
    Array.from(services, ([name, json]) => [name, JSON.parse(json) as PlacedService]),
  );
}

const TWO = `${BASE}
[[service]]
name = "mail"
vip = "192.0.2.25"
ports = [25]

[[service.backend]]
address = "198.51.100.25"
`;

Deno.test(
  "a change is planned from memory: the kernel is written, and only what was written is read",
  withRig(async (rig) => {
    await rig.run(BASE);
    for (const text of [CHANGED, TWO, BASE, single(), NOTHING]) {
      assert.equal(await looksOf(rig, text), 0);
      assert.deepEqual((await rig.look(text)).changes, [], "a look agrees");
    }
  }),
);

/** What may have come between two runs, after which memory tells nothing. */
const DOUBTS: Readonly<Record<string, (rig: Rig) => void>> = {
  "somebody's transaction, whatever it did": ({ host }) => host.nft.edit("add table ip other"),
  "another version of lb": (rig) => rig.version = "other",
  "a run that was cut off": ({ store: { commits }, machine: { host } }) =>
    commits.announce("nft", host, "9 . 9", 1),
  "another boot": (rig) => rig.boot_id = "boot-9",
  "another network namespace": (rig) => rig.netns = "net:[9]",
  "a state of which only a look tells": ({ store: { commits }, machine: { host } }) => {
    const change = { services: new Map(), objects: new Map(), isWhole: false };
    commits.commit("nft", host, { ...commits.get("nft", host)!, stamp: null }, change);
  },
};

for (const [name, doubt] of Object.entries(DOUBTS)) {
  Deno.test(
    `after ${name} the kernel is read, and then there is no doubt any more`,
    withRig(async (rig) => {
      await rig.run(BASE);
      const state = await wanted(rig, BASE);
      const isKnown = () =>
        isUntouched(rig.machine, nftEngine, recall(rig.machine, nftEngine.name), state);
      assert.equal(await isKnown(), true);
      doubt(rig);
      assert.equal(await isKnown(), false);
      assert.ok(await looksOf(rig, CHANGED) > 0);
      assert.equal(await isKnown(), true);
      assert.equal(await looksOf(rig, BASE), 0);
      assert.deepEqual((await rig.look(BASE)).changes, []);
    }),
  );
}

Deno.test(
  "a look that finds all as it was is enough: the next run believes memory again",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("add table ip other");
    assert.deepEqual([await looksOf(rig, BASE), await looksOf(rig, BASE)], [1, 0]);
    assert.deepEqual([await looksOf(rig, CHANGED), rig.events("drift")], [0, []]);
  }),
);

Deno.test(
  "where memory was wrong the kernel refuses, and the next try looks",
  withRig(async (rig) => {
    await rig.run(TWO);
    // Without a transaction, as a chain at ingress goes with its interface before linux 6.16.
    rig.host.nft.table("inet lb")!.chains.delete("s-mail4");
    const { drift, changed } = await rig.run(BASE);
    assert.deepEqual([drift, changed], [["chain s-mail4"], true]);
    assert.deepEqual((await rig.look(BASE)).changes, []);
  }),
);

Deno.test(
  "runs that find nothing to do read the kernel once in ten minutes, however many there are",
  withRig(async (rig) => {
    await rig.run(BASE);
    const looks: number[] = [];
    // A minute goes by before each of them.
    for (let run = 1; run <= 25; run++) if (await looksOf(rig, BASE) > 0) looks.push(run);
    const [first = 0, second = 0] = looks;
    assert.equal(looks.length, 2);
    for (const minutes of [first, second - first]) assert.ok(minutes === 10 || minutes === 11);
  }),
);

Deno.test(
  "services that are wanted just so are the wanted objects, the others are as they were committed",
  withRig(async (rig) => {
    await rig.run(TWO);
    const before = recorded(rig);
    const want = await wanted(rig, TWO.replace("ports = [25]", "ports = [25, 587]"));
    const { record } = recall(rig.machine, "nft");
    const { state, token } = committedOf(rig.machine, nftEngine, record!, want);
    assert.equal(token, record!.token);
    const found = new Map(state.services.map((service) => [service.name, service]));
    const [web, dns, mail] = ["web", "dns", "mail"].map((name) => {
      return want.services.find((service) => service.name === name)!;
    });
    assert.ok(found.get("web") === web && found.get("dns") === dns, "the very objects");
    assert.notEqual(found.get("mail"), mail);
    assert.deepEqual(found.get("mail"), before.mail);
    assert.deepEqual({ marks: state.marks, lacks: state.lacks }, { marks: want.marks, lacks: [] });
  }),
);

Deno.test(
  "a service that is no longer wanted is still among what was committed",
  withRig(async (rig) => {
    await rig.run(TWO);
    const { record } = recall(rig.machine, "nft");
    const want = await wanted(rig, BASE);
    const { state } = committedOf(rig.machine, nftEngine, record!, want);
    assert.deepEqual(state.services.map(({ name }) => name).sort(), ["dns", "mail", "web"]);
  }),
);

Deno.test(
  "of a state only what is not on record is written, and what is gone is said",
  withRig(async (rig) => {
    await rig.run(TWO);
    const { record } = recall(rig.machine, "nft");
    const want = await wanted(rig, BASE.replace("ports = [80]", "ports = [80, 443]"));
    const committed = committedOf(rig.machine, nftEngine, record!, want);
    const { services, frame_json } = stateChange(want, committed);
    const web = want.services.find(({ name }) => name === "web");
    assert.deepEqual(Object.fromEntries(services), { mail: undefined, web: JSON.stringify(web) });
    assert.equal(frame_json, record!.frame_json);
    assert.equal(stateChange(want).services.size, want.services.length, "nothing is on record");
    const same = committedOf(rig.machine, nftEngine, record!, await wanted(rig, TWO));
    assert.equal(stateChange(same.state, same).services.size, 0);
  }),
);

Deno.test(
  "a config that changes nothing in the kernel is on record as what is in force",
  withRig(async (rig) => {
    await rig.run(single());
    const { token, stamp } = rig.store.commits.get("nft", rig.machine.host)!;
    const { changes, revision } = await rig.run(single('engine = "nft"'));
    assert.deepEqual([changes, revision], [[], 2]);
    assert.equal(recorded(rig).web?.engine, "nft");
    const record = rig.store.commits.get("nft", rig.machine.host)!;
    assert.deepEqual([record.token, record.stamp, record.revision], [token, stamp, 2]);
    assert.equal(await looksOf(rig, single("", "192.0.2.77")), 0, "memory still holds");
  }),
);

Deno.test(
  "what is on record is what the kernel holds, after every kind of change",
  withRig(async (rig) => {
    for (const text of [BASE, TWO, CHANGED, single(), BASE]) {
      await rig.run(text);
      const { services } = await wanted(rig, text);
      const expected = Object.fromEntries(services.map((one) => [one.name, one]));
      assert.deepEqual(recorded(rig), JSON.parse(JSON.stringify(expected)));
      const objects = [...rig.store.commits.objects("nft", rig.machine.host).keys()].sort();
      const chains = [...rig.host.nft.table("inet lb")!.chains.keys()];
      assert.deepEqual(objects, chains.map((name) => `chain ${name}`).sort());
    }
    await rig.run(NOTHING);
    assert.deepEqual(recall(rig.machine, "nft"), { record: undefined, pending: [] });
  }),
);

Deno.test(
  "after a reboot nothing is left on record of the boot before",
  withRig(async (rig) => {
    await rig.run(BASE);
    const before = rig.machine.host;
    rig.reboot();
    await rig.run(BASE);
    const { commits } = rig.store;
    assert.deepEqual([commits.get("nft", before), commits.services("nft", before).size], [
      undefined,
      0,
    ]);
    assert.equal(await looksOf(rig, CHANGED), 0);
  }),
);

Deno.test(
  "two network namespaces with one state folder keep a record each",
  withRig(async (rig) => {
    const [here, there] = [
      { host: rig.host, netns: rig.netns },
      { host: new FakeHost(), netns: "net:[2]" },
    ];
    there.host.inside.clock.advance(1_000);
    const enter = ({ host, netns }: typeof here) => Object.assign(rig, { host, netns });
    await rig.run(BASE);
    enter(there);
    await rig.run(BASE);
    for (const place of [here, there, here]) {
      enter(place);
      assert.equal(await looksOf(rig, BASE), 0, "nothing is to be read");
      assert.equal(await looksOf(rig, CHANGED), 0, "nor for a change");
      const back = await rig.run(BASE);
      assert.deepEqual([back.drift, back.notes], [[], []]);
    }
    enter(there);
    await rig.run(NOTHING);
    enter(here);
    assert.notEqual(recall(rig.machine, "nft").record, undefined);
    assert.deepEqual((await rig.look(BASE)).drift, []);
  }),
);

Deno.test(
  "a run that was cut off in one namespace is settled there, whatever runs in another meanwhile",
  withRig(async (rig) => {
    const here = { host: rig.host, netns: rig.netns };
    await rig.run(BASE);
    let isWritten = false;
    rig.host.gate.before = (call) => {
      if (isWritten) throw new Crash(call);
      isWritten = /^run nft -f/.test(call);
    };
    await assert.rejects(rig.run(CHANGED));
    rig.host.gate.before = () => {};
    Object.assign(rig, { host: new FakeHost(), netns: "net:[2]" });
    await rig.run(CHANGED);
    Object.assign(rig, here);
    const { drift, notes } = await rig.run(CHANGED);
    assert.deepEqual([drift, notes], [[], ["nft: settled what a run that was cut off had left"]]);
  }),
);
