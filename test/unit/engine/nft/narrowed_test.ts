/** A plan from what differs between two states is the plan from all of them. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { desiredSnapshot, narrowed } from "../../../../lib/engine/nft/desired.ts";
import { type NftPlan, planNft } from "../../../../lib/engine/nft/plan.ts";
import { EMPTY_SNAPSHOT, type Snapshot, withToken } from "../../../../lib/engine/nft/snapshot.ts";
import type { DesiredState } from "../../../../lib/model/state.ts";
import { FakeNft } from "../../../fake/nft.ts";
import { type ServiceSpec, stateOf } from "../../../fake/services.ts";
import { remembered } from "../../../contract/driver.ts";
import { pairs } from "../../../contract/pairs.ts";
import { scriptOf } from "./script_of.ts";

const RUNS = 300;

/** The fake nft takes its time. */
const LOADS = 80;
const [BEFORE, AFTER] = ["1 . 1", "2 . 1"] as const;

function plans(want: DesiredState, have: DesiredState) {
  const narrow = narrowed(want, remembered(have, want), BEFORE);
  const found = withToken(desiredSnapshot(have), BEFORE);
  return {
    narrow: planNft(narrow.want, narrow.have, AFTER),
    whole: planNft(desiredSnapshot(want), found, AFTER),
    views: narrow,
  };
}

/** Statements in no order, elements one by one; but rules of a chain in theirs. */
function statementsOf(plan: NftPlan): string[] {
  const rules = new Map<string, number>();
  return scriptOf(plan).split("\n").flatMap((line) => {
    const [, head, items] = /^(\w+ element \w+ \w+ \S+) \{ (.*) \}$/.exec(line) ?? [];
    if (head) return items!.split(", ").map((item) => `${head} ${item}`);
    const [, chain] = /^add rule (\w+ \w+ \S+) /.exec(line) ?? [];
    if (!chain) return [line];
    rules.set(chain, (rules.get(chain) ?? 0) + 1);
    return [`${line} (rule ${rules.get(chain)})`];
  }).sort();
}

function tellOf({ changes, written, counters, token }: NftPlan) {
  return {
    token,
    changes: changes.map(({ op, object }) => `${op} ${object}`).sort(),
    written: Array.from(written, ([table, { chains, removed, isWhole }]) => {
      const sources = Array.from(chains, ([name, { source }]) => `${name} ${source}`).sort();
      return { table, sources, removed: [...removed].sort(), isWhole };
    }),
    counters: [...counters].sort(([a], [b]) => a - b),
  };
}

/** What a fake nft holds after scripts, without what its objects are numbered by. */
function tablesAfter(...scripts: readonly string[]) {
  const nft = new FakeNft();
  for (const script of scripts) if (script !== "") nft.edit(script);
  const byName = <T>(pairs: Iterable<readonly [string, T]>) => Object.fromEntries([...pairs]);
  return byName(nft.tables.map((name) => {
    const { chains, collections, counters } = nft.table(name)!;
    return [name, {
      chains: byName(Array.from(chains, ([chain, { hook, rules }]) => {
        return [chain, { hook, rules: rules.map(({ tokens }) => tokens.join(" ")) }];
      })),
      collections: byName(Array.from(collections, ([map, { declaration, elements }]) => {
        return [map, { declaration, elements: byName(elements) }];
      })),
      counters: [...counters.keys()].sort(),
    }];
  }));
}

function createdBy(snapshot: Snapshot, token: string): string {
  return scriptOf(planNft(snapshot, EMPTY_SNAPSHOT, token));
}

Deno.test("narrowed: whatever differs, its plan is the one that all of both states give", () => {
  fc.assert(
    fc.property(pairs, ({ have, want }) => {
      const { narrow, whole } = plans(want, have);
      assert.deepEqual(statementsOf(narrow), statementsOf(whole));
      assert.deepEqual(tellOf(narrow), tellOf(whole));
    }),
    { numRuns: RUNS },
  );
});

Deno.test("narrowed: its script brings the kernel to what is wanted", () => {
  fc.assert(
    fc.property(pairs, ({ have, want }) => {
      const script = scriptOf(plans(want, have).narrow);
      const token = script === "" ? BEFORE : AFTER;
      const expected = createdBy(desiredSnapshot(want), token);
      const made = createdBy(desiredSnapshot(have), BEFORE);
      assert.deepEqual(tablesAfter(made, script), tablesAfter(expected));
    }),
    { numRuns: LOADS },
  );
});

/** Objects that a snapshot names. */
function namesIn({ tables }: Snapshot): string[] {
  return [...tables.values()].flatMap(({ chains, collections, counters }) => [
    ...chains.keys(),
    ...counters.keys(),
    ...Array.from(collections, ([name, { elements }]) => [name, ...elements.keys()].join(" ")),
  ]);
}

Deno.test("narrowed: what stays is in neither side, however much of it there is", () => {
  const service = (number: number): ServiceSpec => ({
    name: `stays-${number}`,
    vip: [`203.0.113.${number}`],
    backends: [{ id: number, address: `198.51.100.${number}` }],
  });
  const stay = stateOf(Array.from({ length: 50 }, (_, index) => service(index + 1)));
  const [web, other] = [stateOf([{ vip: ["203.0.114.1"] }]), stateOf([{ vip: ["203.0.114.2"] }])];
  const { views } = plans(
    { ...stay, services: [...stay.services, ...web.services] },
    { ...stay, services: [...stay.services, ...other.services] },
  );
  for (const view of [views.want, views.have]) {
    const named = namesIn(view).filter((name) => /stays|203\.0\.113|198\.51\.100|n-/.test(name));
    assert.deepEqual(named, []);
  }
});

const B1 = { id: 1, address: "198.51.100.11" };
const WEB = stateOf([{ backends: [B1] }]).services[0]!;

/** What goes with its last user only. */
const SHARED: readonly (readonly [string, ServiceSpec, readonly string[]])[] = [
  [
    "a VIP",
    { name: "mail", vip: ["203.0.113.10"], ports: [25] },
    ["delete element inet lb ex4 203.0.113.10 . tcp . 25"],
  ],
  [
    "a backend's address",
    { name: "mail", vip: ["203.0.113.25"], backends: [{ ...B1, id: 2 }] },
    [
      "delete element inet lb ex4 203.0.113.25 . tcp . 80",
      "delete element inet lb hp4 198.51.100.11 . 0:2",
      "delete element inet lb vip4 203.0.113.25",
    ],
  ],
  [
    "a backend's address in another protocol",
    { name: "mail", vip: ["203.0.113.25"], protocol: "udp", backends: [{ ...B1, id: 2 }] },
    [
      "delete element inet lb be4 198.51.100.11 . udp",
      "delete element inet lb ex4 203.0.113.25 . udp . 80",
      "delete element inet lb hp4 198.51.100.11 . 0:2",
      "delete element inet lb vip4 203.0.113.25",
    ],
  ],
];

for (const [what, spec, expected] of SHARED) {
  Deno.test(`narrowed: ${what} that a service which stays has too does not go with another`, () => {
    const alone = { ...stateOf([]), services: [WEB] };
    const both = { ...alone, services: [WEB, ...stateOf([spec]).services] };
    const { narrow } = plans(alone, both);
    const deleted = statementsOf(narrow).filter((line) => /^delete element/.test(line));
    assert.deepEqual(deleted, [...expected, `delete element inet lb revision ${BEFORE}`].sort());
  });
}

Deno.test("narrowed: nothing differs, nothing is done", () => {
  const state = { ...stateOf([]), services: [WEB] };
  const { narrow } = plans({ ...state }, state);
  assert.deepEqual(narrow.changes, []);
});

Deno.test("narrowed: the last service leaves nothing, and the first one makes all", () => {
  const [some, none] = [{ ...stateOf([]), services: [WEB] }, stateOf([])];
  assert.deepEqual(statementsOf(plans(none, some).narrow).filter(Boolean), [
    `delete element inet lb revision ${BEFORE}`,
    "delete table inet lb",
  ]);
  assert.match(scriptOf(plans(some, none).narrow), /^create table inet lb$/m);
});
