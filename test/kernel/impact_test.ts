/** What a plan says becomes of established connections is what then happens to them. */
import assert from "node:assert/strict";
import { backendAddress, CLIENT } from "../../lib/demo/layout.ts";
import type { Family } from "../../lib/model/address.ts";
import { door, scaleName, type ServiceText, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { type HeldMany, holdOpen } from "./held.ts";
import { type Impact, outcomeOf, planned } from "./impact_rig.ts";
import { apply, must } from "./steps.ts";

const BACKENDS = 4;

const test = kernelTests({ backends: BACKENDS, need: "queue" });

/** Established connections in each test. */
const COUNT = 1_000;

const WEB: ServiceText = { weights: [1, 2, 3, 1], families: [4], scheduler: "maglev" };
const DNS: ServiceText = { ...WEB, name: "dns", vips: [11], protocol: "udp", ports: "[53]" };

/** With a deadline of drains that is over soon. */
const SHORT: ServiceText = { ...WEB, more: '[service.drain]\ndeadline = "2s"' };

let first_port = 10_000;

/** Others each time: a backend may not have heard that an earlier connection was cut. */
function nextSources(family: Family) {
  first_port += COUNT;
  return { addresses: [CLIENT[family]], first_port };
}

function open(lab: Lab, family: Family = 4): Promise<HeldMany> {
  const sources = nextSources(family);
  return holdOpen(lab, { protocol: "tcp", doors: [door(family)], sources, count: COUNT });
}

function countAt(held: HeldMany, backend: string): number {
  return held.names.filter((name) => name === backend).length;
}

const NOTHING = { kept: 0, draining: 0, cut: 0, flushed: 0 };

/** The only service that the plan is about. */
function only(impact: readonly Impact[], name = "web"): Impact {
  assert.deepEqual(impact.map(({ service }) => service), [name]);
  return impact[0]!;
}

/** Slots of a map as nft lists them. */
async function slotsOf(lab: Lab, map: string): Promise<readonly string[]> {
  const text = await must(lab, "nft", "list", "map", "inet", "lb", map);
  const slots: string[] = [];
  for (const [, slot, id] of text.matchAll(/(\d+) : ([0-9a-f:]+)/g)) slots[Number(slot)] = id!;
  return slots;
}

test(`another weight: all of ${COUNT} connections are kept, and as many slots lead elsewhere as was planned`, async (lab) => {
  await apply(lab, WEB);
  const held = await open(lab);
  const words = ["scale", "web", "--weight", `${scaleName(4, 0)}=5`];
  const impact = only(await planned(lab, ...words));
  const before = await slotsOf(lab, "sl-web4");
  await lab.balancer.json(0, ...words as [string]);
  const after = await slotsOf(lab, "sl-web4");
  const moved = before.filter((id, slot) => id !== after[slot]).length;
  assert.ok(before.length > 4_000 && before.length === after.length);
  assert.ok(moved > 0);
  assert.equal(Math.round(impact.slots_remapped! * before.length), moved);
  assert.deepEqual(impact.engine, { from: "nft", to: "nft" });
  assert.deepEqual(impact.connections, { ...NOTHING, kept: COUNT });
  assert.deepEqual(await outcomeOf(held), { kept: COUNT, cut: 0, moved: 0 });
});

test(`a backend removed with a drain: of ${COUNT} its connections are kept until the deadline, and cut then`, async (lab) => {
  await apply(lab, SHORT);
  const held = await open(lab);
  const draining = countAt(held, "b2");
  const words = ["scale", "web", "--remove", scaleName(4, 1)];
  const { connections } = only(await planned(lab, ...words));
  assert.ok(draining > 100);
  assert.deepEqual(connections, { ...NOTHING, kept: COUNT, draining });
  await lab.balancer.json(0, ...words as [string], "--wait");
  assert.deepEqual(await outcomeOf(held), { kept: COUNT - draining, cut: draining, moved: 0 });
});

test(`a backend removed at once: all of ${COUNT} connections are kept`, async (lab) => {
  await apply(lab, WEB);
  const held = await open(lab);
  const words = ["scale", "web", "--remove", scaleName(4, 1), "--now"];
  const { connections } = only(await planned(lab, ...words));
  assert.deepEqual(connections, { ...NOTHING, kept: COUNT });
  await lab.balancer.json(0, ...words as [string]);
  assert.deepEqual(await outcomeOf(held), { kept: COUNT, cut: 0, moved: 0 });
});

test(`a backend removed with --cut: of ${COUNT} connections exactly its own are cut`, async (lab) => {
  await apply(lab, WEB);
  const held = await open(lab);
  const cut = countAt(held, "b3");
  const words = ["scale", "web", "--remove", scaleName(4, 2), "--cut"];
  const { connections } = only(await planned(lab, ...words));
  assert.ok(cut > 100);
  assert.deepEqual(connections, { ...NOTHING, kept: COUNT - cut, cut });
  await lab.balancer.json(0, ...words as [string]);
  assert.deepEqual(await outcomeOf(held), { kept: COUNT - cut, cut, moved: 0 });
});

test(`another scheduler and another engine: all of ${COUNT} connections are kept, IPv6`, async (lab) => {
  const service = { ...WEB, families: [6] } as const;
  await apply(lab, { ...service, scheduler: "wrr", more: 'engine = "nft"' });
  const held = await open(lab, 6);
  lab.balancer.writeConfig(serviceText({ ...service, more: 'engine = "nfqueue"' }));
  const impact = only(await planned(lab, "apply"));
  assert.deepEqual(impact.engine, { from: "nft", to: "nfqueue" });
  assert.deepEqual(impact.connections, { ...NOTHING, kept: COUNT });
  assert.ok(impact.slots_remapped! > 0.5 && impact.slots_remapped! < 1, "chance decides");
  await lab.balancer.json(0, "apply");
  assert.deepEqual(await outcomeOf(held), { kept: COUNT, cut: 0, moved: 0 });
});

test(`a udp backend removed: of ${COUNT} flows exactly its own are forgotten, and find another one`, async (lab) => {
  await apply(lab, DNS);
  const held = await holdOpen(lab, {
    protocol: "udp",
    doors: [door(4, 11, 53)],
    sources: nextSources(4),
    count: COUNT,
  });
  const flushed = countAt(held, "b3");
  const words = ["scale", "dns", "--remove", scaleName(4, 2, 53), "--now"];
  const { connections } = only(await planned(lab, ...words), "dns");
  assert.ok(flushed > 100);
  assert.deepEqual(connections, { ...NOTHING, kept: COUNT - flushed, flushed });
  const entries = async () => {
    const listing = await must(lab, "conntrack", "-L", "-p", "udp", "--dport", "53");
    const lines = listing.split("\n").filter((line) => line !== "");
    const gone = lines.filter((line) => line.includes(` src=${backendAddress(4, 2)} `));
    return { all: lines.length, gone: gone.length };
  };
  assert.deepEqual(await entries(), { all: COUNT, gone: flushed });
  await lab.balancer.json(0, ...words as [string]);
  assert.deepEqual(await entries(), { all: COUNT - flushed, gone: 0 });
  assert.deepEqual(await outcomeOf(held), { kept: COUNT - flushed, cut: 0, moved: flushed });
});

test(`udp flows from before a service: ${COUNT} are forgotten with its rules`, async (lab) => {
  // A service on another VIP has conntrack see all that passes.
  await apply(lab, WEB);
  const spec = {
    doors: [door(4, 11, 53)],
    sources: { addresses: [CLIENT[4]], first_port: 20_000 },
  };
  await lab.traffic.send(lab.topology.client, {
    ...{ ...spec, protocol: "udp", count: COUNT, concurrency: COUNT, timeout_ms: 300 },
  });
  const seen = (await must(lab, "conntrack", "-L", "-p", "udp", "--dport", "53")).trim().split(
    "\n",
  );
  lab.balancer.writeConfig([WEB, DNS].map(serviceText).join(""));
  const { engine, connections } = only(await planned(lab, "apply"), "dns");
  assert.deepEqual(engine, { from: null, to: "nft" });
  assert.deepEqual(connections, { ...NOTHING, flushed: seen.length });
  const { notes } = await lab.balancer.json<{ notes: string[] }>(0, "apply");
  assert.match(
    notes.join("\n"),
    new RegExp(`forgot ${seen.length} udp flows that were there before`),
  );
});

test(`a service removed beside another: all of ${COUNT} connections are kept; the last one removed: all are cut`, async (lab) => {
  await apply(lab, WEB, DNS);
  const held = await open(lab);
  lab.balancer.writeConfig(serviceText(DNS));
  const impact = only(await planned(lab, "apply"));
  assert.deepEqual(impact.engine, { from: "nft", to: null });
  assert.deepEqual(impact.connections, { ...NOTHING, kept: COUNT });
  await lab.balancer.json(0, "apply");
  assert.deepEqual(await outcomeOf(held), { kept: COUNT, cut: 0, moved: 0 });
  await apply(lab, WEB);
  const last = await open(lab);
  lab.balancer.writeConfig("");
  assert.deepEqual(only(await planned(lab, "apply")).connections, { ...NOTHING, cut: COUNT });
  await lab.balancer.json(0, "apply");
  assert.deepEqual(await outcomeOf(last), { kept: 0, cut: COUNT, moved: 0 });
});

test("the text of a plan tells it, service by service; without a change there is nothing to tell", async (lab) => {
  await apply(lab, WEB);
  assert.deepEqual(await planned(lab, "apply"), []);
  const held = await open(lab);
  const { stdout } = await lab.balancer.lb(
    "scale",
    "web",
    "--weight",
    `${scaleName(4, 0)}=5`,
    "--plan",
  );
  assert.match(
    stdout,
    /^Connections\n {2}web {2}nft {2}[\d.]+ % of slots lead elsewhere {2}1000 kept$/m,
  );
  await held.ask();
});
