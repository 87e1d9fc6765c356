/** The way through the maps, followed by hand-written ones. Real packets: test/kernel/why_test.ts. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { desiredSnapshot } from "../../../../lib/engine/nft/desired.ts";
import { type MapReader, Tables } from "../../../../lib/engine/nft/why/tables.ts";
import { wayOf } from "../../../../lib/engine/nft/why/walk.ts";
import type { Ask, Way, WorkerWord } from "../../../../lib/engine/why.ts";
import { parseAddress } from "../../../../lib/model/address.ts";
import type { DesiredState } from "../../../../lib/model/state.ts";
import { hashSlot, slotTable } from "../../../../lib/scheduler/slots.ts";
import { type BackendSpec, type ServiceSpec, stateOf } from "../../../fake/services.ts";

const address = (text: string) => parseAddress(text)!;

const ASK: Ask = {
  protocol: "tcp",
  client: address("192.0.2.7"),
  client_port: 40_000,
  vip: address("203.0.113.10"),
  vip_port: 80,
};

interface World {
  /** Elements in place of what was written, by map and key; "" is none. */
  readonly changed?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly drift?: readonly string[];
  readonly worker?: WorkerWord;
  readonly active?: number;
}

/** The maps as they are written for a state, but for what somebody has changed. */
function mapsOf(state: DesiredState, changed: World["changed"] = {}): MapReader {
  const { tables } = desiredSnapshot(state);
  const all: MapReader["all"] = (table, name) => {
    const written = tables.get(table)?.collections.get(name)?.elements ?? [];
    const elements = new Map([...written, ...Object.entries(changed[name] ?? {})]);
    return new Map([...elements].filter(([key]) => changed[name]?.[key] !== ""));
  };
  return { all, get: (table, map, _, key) => all(table, map).get(key) };
}

function way(spec: ServiceSpec, ask: Partial<Ask> = {}, world: World = {}): Way {
  return wayIn(stateOf([spec]), ask, world);
}

function wayIn(state: DesiredState, ask: Partial<Ask>, world: World = {}): Way {
  const tables = new Tables(state, mapsOf(state, world.changed));
  const { drift = [], worker = { message: "it chooses" }, active = 0 } = world;
  const around = { drift, worker: () => worker };
  return wayOf({ tables, around, active: () => active }, { ...ASK, ...ask });
}

const stepOf = ({ steps }: Way, name: string) => steps.find(({ step }) => step === name)?.message;

const at = (id: number, more: Partial<BackendSpec> = {}): BackendSpec => ({
  ...{ id, address: `198.51.100.${10 + id}` },
  ...more,
});

const SH: ServiceSpec = { scheduler: "sh", backends: [at(1), at(2), at(3)] };

/** The same, and a worker chooses. */
function queued(spec: ServiceSpec): DesiredState {
  const state = stateOf([spec]);
  const services = state.services.map((service) => ({ ...service, queued: true }));
  return { ...state, services, queues: { first: 0, count: 1 } };
}

Deno.test("a hash leads to the backend in its slot, for every client", () => {
  const state = stateOf([{ ...SH, scheduler: "maglev" }]);
  const table = slotTable("maglev", state.services[0]!.name, state.services[0]!.backends);
  const tables = new Tables(state, mapsOf(state));
  const around = { drift: [], worker: () => ({ message: "" }) };
  fc.assert(fc.property(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }), (text, client_port) => {
    const ask = { ...ASK, client: address(text), client_port };
    const found = wayOf({ tables, around, active: () => 0 }, ask);
    assert.equal(found.backend, table.slots[hashSlot(table, ask.client, client_port)!]);
  }));
});

Deno.test("what is not in a map leads where the last rule leads: to one backend, whoever asks", () => {
  const usual = way(SH);
  const slot = /slot (\d+) of/.exec(stepOf(usual, "slot")!)![1]!;
  const missed = way(SH, {}, { changed: { "sl-web4": { [slot]: "" } } });
  assert.equal(missed.backend, 1);
  assert.match(stepOf(missed, "slot")!, /leads nowhere: the last rule has/);
  const off = way(SH, {}, { changed: { "be-web4": { [`0:${usual.backend}`]: "" } } });
  assert.equal(off.backend, 1);
});

Deno.test("a client that is remembered goes there, unless it takes no new connections", () => {
  const spec: ServiceSpec = {
    ...SH,
    scheduler: "wrr",
    persistence: { timeout_ms: 60_000, mask: 24, mask6: 64 },
  };
  assert.equal(way(spec).fate, "shared");
  const changed = { "st-web4": { "192.0.2.0": "0:3" } };
  assert.deepEqual([way(spec, {}, { changed }).fate, way(spec, {}, { changed }).backend], [
    "backend",
    3,
  ]);
  const gone = way(spec, {}, { changed: { ...changed, "be-web4": { "0:3": "" } } });
  assert.equal(gone.fate, "shared");
  assert.match(stepOf(gone, "persistence")!, /takes no new connections: chosen for anew/);
});

Deno.test("limits: a service that is full refuses or drops, a full backend does, the worker goes on", () => {
  const limited: ServiceSpec = { ...SH, max_connections: 5 };
  assert.equal(way(limited, {}, { active: 1 }).fate, "backend");
  assert.equal(way(limited, {}, { active: 2 }).fate, "refused", "three backends with two each");
  assert.equal(way({ ...limited, over_limit: "drop" }, {}, { active: 2 }).fate, "dropped");
  const backends = [1, 2, 3].map((id) => at(id, { max_connections: 2 }));
  assert.equal(way({ ...SH, backends }, {}, { active: 2 }).fate, "refused");
  const worker = { message: "it chooses", goesOn: true };
  const first = way({ ...SH, backends }).backend!;
  const roomier = backends.map((one) => one.id === first ? one : { ...one, max_connections: 3 });
  const full = wayIn(queued({ ...SH, backends: roomier }), {}, { active: 2, worker });
  assert.equal(full.fate, "shared");
  assert.match(full.reason!, /the worker goes on to another one/);
  assert.equal(full.shares!.length, 2);
  assert.equal(full.shares!.reduce((sum, { share }) => sum + share, 0), 1);
  const none = wayIn(queued({ ...SH, backends }), {}, { active: 2, worker });
  assert.equal(none.fate, "refused", "where nobody has room, the worker leaves it to the kernel");
  const gone = wayIn(queued({ ...SH, backends: roomier }), {}, { active: 2 });
  assert.equal(gone.fate, "refused", "without a worker limits are the kernel's");
});

Deno.test("where all slots lead to one, it is told whoever chooses", () => {
  const one: ServiceSpec = { scheduler: "wrr", backends: [at(1), at(2, { weight: 0 })] };
  assert.deepEqual([way(one).fate, way(one).backend], ["backend", 1]);
  const nobody: ServiceSpec = { scheduler: "wrr", backends: [at(1, { weight: 0 })] };
  assert.equal(way(nobody).fate, "refused");
});

Deno.test("what the worker alone knows is a reason, and what is odd about it a doubt", () => {
  const worker = { message: "it chooses", reason: "live counts", doubt: "another table" };
  const found = wayIn(queued({ ...SH, scheduler: "wlc" }), {}, { worker });
  assert.deepEqual([found.fate, found.reason, found.doubts], ["shared", "live counts", [
    "another table",
  ]]);
});

Deno.test("drift is a doubt where it concerns the service, or all", () => {
  const state = stateOf([SH, {
    ...SH,
    name: "other",
    vip: ["203.0.113.11"],
    backends: [at(9)],
  }]);
  const doubts = (object: string) => wayIn(state, {}, { drift: [object] }).doubts.length;
  for (const object of ["map sl-web4", "chain b-2", "chain pre-nat", "table inet lb", "map ex4"]) {
    assert.equal(doubts(object), 1, object);
  }
  for (const object of ["map sl-other4", "chain s-other4", "chain b-9"]) {
    assert.equal(doubts(object), 0, object);
  }
});

Deno.test("nobody is told of a backend for what no service has", () => {
  assert.equal(way(SH, { vip_port: 81 }).fate, "refused");
  assert.equal(way(SH, { vip: address("203.0.113.99") }).fate, "unserved");
  const lost = way(SH, {}, { changed: { ex4: { "203.0.113.10 . tcp . 80": "" } } });
  assert.deepEqual([lost.fate, lost.service?.name], ["unserved", "web"]);
});
