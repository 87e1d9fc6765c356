/** Every scheduler of IPVS, by its definition: real connections, `ipvsadm` as the witness. */
import assert from "node:assert/strict";
import { backendAddress, vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { holdMany, knock, manyNetworks, networkAddress } from "./clients.ts";
import type { ServiceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { rowName, rowsOf, scheduledOf } from "./ipvs_witness.ts";
import { apply, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "ipvs" });

const SCHEDULERS = ["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "maglev"] as const;
type Name = typeof SCHEDULERS[number];

/** One VIP, a port for each scheduler: applying takes longest where the processor is emulated. */
function doorOf(family: Family, scheduler: Name) {
  return { address: vipAddress(family, 10), port: 8101 + SCHEDULERS.indexOf(scheduler) };
}

function serviceOf(scheduler: Name, family: Family, weights: ServiceText["weights"]): ServiceText {
  const { port } = doorOf(family, scheduler);
  return {
    ...{ name: scheduler, scheduler, weights, families: [family], ports: `[${port}]` },
    more: 'engine = "ipvs"',
  };
}

/** Connections that were scheduled to each of the first backends, after `total` of them. */
async function shares(
  lab: Lab,
  family: Family,
  scheduler: Name,
  total: number,
  count = 2,
): Promise<number[]> {
  const rows = await scheduledOf(lab, doorOf(family, scheduler), total);
  return Array.from({ length: count }, (_, index) => rows.get(rowName(family, index)) ?? NaN);
}

/** Connections that are there, of each of the first backends. */
async function held(lab: Lab, family: Family, scheduler: Name): Promise<number[]> {
  const rows = await rowsOf(lab, doorOf(family, scheduler));
  return [0, 1].map((index) => rows.get(rowName(family, index))?.active ?? NaN);
}

/** Connections that end at once: the order alone decides. */
const IN_TURN: Partial<Record<Name, readonly number[]>> = { rr: [200, 200], wrr: [300, 100] };

/**
 * Connections that stay, by weights 3:1: after two of them, and after a hundred. lc looks at their number,
 * wlc at number / weight, sed at (number + 1) / weight, nq as sed but for who has none.
 */
const HELD: Partial<Record<Name, readonly [readonly number[], readonly number[]]>> = {
  lc: [[1, 1], [50, 50]],
  wlc: [[1, 1], [75, 25]],
  sed: [[2, 0], [75, 25]],
  nq: [[1, 1], [75, 25]],
};

for (const family of FAMILIES) {
  test(`every scheduler balances weights 3:1 as its definition says, IPv${family}`, async (lab) => {
    await apply(lab, ...SCHEDULERS.map((each) => serviceOf(each, family, [3, 1])));
    for (const [scheduler, expected] of Object.entries(IN_TURN) as [Name, number[]][]) {
      await knock(lab, doorOf(family, scheduler), 400);
      assert.deepEqual(await shares(lab, family, scheduler, 400), expected, scheduler);
    }
    await isCounted(lab, family, "wrr", [300, 100]);
    for (const scheduler of Object.keys(HELD) as Name[]) await holdBoth(lab, family, scheduler);
    await manyNetworks(lab);
    await keepsClients(lab, family);
    await spreadsOneClient(lab, family);
  });
}

/** What `lb status` tells is what ipvsadm does. */
async function isCounted(lab: Lab, family: Family, scheduler: Name, expected: readonly number[]) {
  const { services } = await lab.balancer.json<Status>(0, "status");
  const found = services.find(({ name }) => name === scheduler)?.backends ?? [];
  const names = expected.map((_, index) => backendAddress(family, index));
  const counts = names.map((name) => found.find(({ address }) => address === name));
  assert.deepEqual(counts.map((one) => one?.new_connections), expected, "lb status");
}

interface Status {
  readonly services: readonly {
    readonly name: string;
    readonly backends: readonly { readonly address: string; readonly new_connections: number }[];
  }[];
}

async function holdBoth(lab: Lab, family: Family, scheduler: Name): Promise<void> {
  const [few, many] = HELD[scheduler]!;
  const door = doorOf(family, scheduler);
  const first = await holdMany(lab, door, 2);
  assert.ok(first, scheduler);
  assert.deepEqual(await held(lab, family, scheduler), few, `${scheduler}, the first two`);
  const others = await holdMany(lab, door, 98);
  assert.ok(others, scheduler);
  assert.deepEqual(await held(lab, family, scheduler), many, `${scheduler}, a hundred`);
  const names = [...await first.ask(), ...await others.ask()];
  assert.deepEqual(["b1", "b2"].map((one) => countOf(names, one)), many, scheduler);
}

/** `sh` is a hash of the address alone: 400 clients meet the weights, and each comes back to its own. */
async function keepsClients(lab: Lab, family: Family): Promise<void> {
  const addresses = Array.from({ length: 200 }, (_, at) => networkAddress(family, at, 7));
  const spec = {
    doors: [doorOf(family, "sh")],
    count: 400,
    concurrency: 8,
    sources: { addresses },
  };
  const { answers, errors } = await send(lab, spec);
  assert.deepEqual(errors, {});
  assert.deepEqual(answers.slice(200), answers.slice(0, 200), "each client to its own backend");
  near(countOf(answers, "b1"), 300, "sh");
}

/** `maglev` is a hash of address and port: one client meets them alone. */
async function spreadsOneClient(lab: Lab, family: Family): Promise<void> {
  await knock(lab, doorOf(family, "maglev"), 400);
  const [first = NaN, second = NaN] = await shares(lab, family, "maglev", 400);
  assert.equal(first + second, 400);
  near(first, 300, "maglev");
}

/** A sample of 400 with a chance of 3/4 is off by 9 once in three times, by 35 once in 15,000. */
function near(found: number, expected: number, what: string): void {
  assert.ok(Math.abs(found - expected) <= 35, `${what}: ${found} instead of ${expected}`);
}

function countOf(names: readonly string[], name: string): number {
  return names.filter((one) => one === name).length;
}

for (const family of FAMILIES) {
  test(`weight 0, and removal, leave established connections and get no new ones, IPv${family}`, async (lab) => {
    const door = doorOf(family, "wrr");
    await apply(lab, serviceOf("wrr", family, [1, 1, 1]));
    const open = await holdMany(lab, door, 12);
    assert.ok(open);
    await apply(lab, serviceOf("wrr", family, [1, 0, undefined]));
    const rows = await rowsOf(lab, door);
    assert.deepEqual(
      [0, 1, 2].map((index) => rows.get(rowName(family, index))),
      [1, 0, 0].map((weight) => ({ weight, active: 4, inactive: 0 })),
    );
    await knock(lab, door, 20);
    assert.deepEqual(await shares(lab, family, "wrr", 32, 3), [24, 4, 4]);
    const names = await open.ask();
    assert.deepEqual(["b1", "b2", "b3"].map((name) => countOf(names, name)), [4, 4, 4]);
  });

  test(`a backend that is full gets no more, and a service that is full refuses, IPv${family}`, async (lab) => {
    const door = doorOf(family, "wrr");
    const limits = ["max_connections = 2", "max_connections = 3"];
    await apply(lab, { ...serviceOf("wrr", family, [9, 1]), backend_more: limits });
    const open = await holdMany(lab, door, 5);
    assert.ok(open);
    assert.deepEqual(await held(lab, family, "wrr"), [2, 3]);
    assert.equal(await holdMany(lab, door, 1), undefined, "refused");
    await open.ask();
  });
}
