import assert from "node:assert/strict";
import { desiredSnapshot } from "../../../../lib/engine/nft/desired.ts";
import { type NftPlan, planNft } from "../../../../lib/engine/nft/plan.ts";
import {
  EMPTY_SNAPSHOT,
  rulesOf,
  type Snapshot,
  snapshotOf,
  type Table,
  withToken,
} from "../../../../lib/engine/nft/snapshot.ts";
import { INET_NAT, type TableName } from "../../../../lib/engine/nft/table.ts";
import { type BackendSpec, type ServiceSpec, stateOf } from "../../../fake/services.ts";
import { scriptOf } from "./script_of.ts";

const B: readonly BackendSpec[] = [1, 2, 3].map((id) => ({ id, address: `198.51.100.1${id}` }));

function want(...services: readonly ServiceSpec[]): Snapshot {
  return desiredSnapshot(stateOf(services));
}

/** The state another apply left, under token `1 . 1`. */
function have(...services: readonly ServiceSpec[]): Snapshot {
  return withToken(want(...services), "1 . 1");
}

/** The same with something else in one of its tables. */
function altered(
  found: Snapshot,
  name: TableName,
  what: (table: Table) => Partial<Table>,
): Snapshot {
  const table = found.tables.get(name)!;
  return snapshotOf(new Map(found.tables).set(name, { ...table, ...what(table) }), found.known);
}

/** A plan with its script. */
function planOf(...args: Parameters<typeof planNft>) {
  const plan = planNft(...args);
  return { ...plan, script: scriptOf(plan) };
}

function linesOf(script: string): string[] {
  return script.split("\n").filter((line) => line !== "");
}

function objectsOf(plan: ReturnType<typeof planNft>): string[] {
  return plan.changes.map(({ op, object }) => `${op} ${object}`).sort();
}

Deno.test("plan: nothing to do is no change and no script", () => {
  for (const services of [[], [{ backends: B }]]) {
    const found = services.length === 0 ? EMPTY_SNAPSHOT : have(...services);
    const { changes, script } = planOf(want(...services), found, "2 . 1");
    assert.deepEqual([changes, script], [[], ""]);
  }
});

Deno.test("plan: a change begins with the revision it was made for and ends with its own", () => {
  const { script } = planOf(want({ backends: B.slice(1) }), have({ backends: B }), "2 . 1");
  const lines = linesOf(script);
  assert.equal(lines[0], "delete element inet lb revision { 1 . 1 }");
  assert.equal(lines.at(-1), "add element inet lb revision { 2 . 1 }");
});

Deno.test("plan: creation fails where a table is there, and ends with the revision", () => {
  const lines = linesOf(planOf(want({ backends: B }), EMPTY_SNAPSHOT, "2 . 1").script);
  assert.equal(lines[0], "create table inet lb");
  assert.equal(lines.at(-1), "add element inet lb revision { 2 . 1 }");
});

Deno.test("plan: removal is one guarded statement", () => {
  assert.deepEqual(linesOf(planOf(want(), have({ backends: B }), "2 . 1").script), [
    "delete element inet lb revision { 1 . 1 }",
    "delete table inet lb",
  ]);
});

Deno.test("plan: weights of the same sum change slots only", () => {
  const weighted = (...weights: number[]) => ({
    backends: B.map((one, i) => ({ ...one, weight: weights[i]! })),
  });
  const plan = planOf(want(weighted(1, 2, 1)), have(weighted(2, 1, 1)), "2 . 1");
  assert.deepEqual(objectsOf(plan), ["change map sv-web4"]);
  assert.ok(linesOf(plan.script).every((line) => !/chain|rule/.test(line)));
});

Deno.test("plan: another number of slots rewrites the service's chain, and no backend's", () => {
  const plan = planOf(
    want({ backends: [{ ...B[0]!, weight: 200 }, ...B.slice(1)] }),
    have({ backends: B }),
    "2 . 1",
  );
  assert.deepEqual(objectsOf(plan), ["change chain s-web4", "change map sv-web4"]);
});

Deno.test("plan: another port of the service is an element", () => {
  const plan = planOf(want({ backends: B, ports: [80, 443] }), have({ backends: B }), "2 . 1");
  assert.deepEqual(objectsOf(plan), ["change map ex4"]);
  assert.match(plan.changes[0]!.detail, /^\+ 203\.0\.113\.10 \. tcp \. 443 : goto s-web4$/);
});

Deno.test("plan: a changed value is a delete and an add of its key in one batch", () => {
  const before = { backends: B.slice(0, 1) };
  const { script } = planOf(want({ backends: [{ ...B[0]!, id: 9 }] }), have(before), "2 . 1");
  const lines = linesOf(script);
  const gone = lines.indexOf("delete element inet lb sv-web4 { 0 }");
  const come = lines.indexOf("add element inet lb sv-web4 { 0 : jump b-9 }");
  assert.ok(gone > 0 && come > gone);
});

Deno.test("plan: one more service leaves the others' objects alone", () => {
  const plan = planOf(
    want({ backends: B }, { name: "mail", vip: ["203.0.113.25"], ports: [25] }),
    have({ backends: B }),
    "2 . 1",
  );
  const changed = objectsOf(plan).filter((line) => line.startsWith("change"));
  assert.deepEqual(changed, ["change map ex4", "change set vip4"]);
  assert.ok(objectsOf(plan).every((line) => !line.includes("web")));
});

Deno.test("plan: a shared backend's address goes only with its last user", () => {
  const mail = {
    name: "mail",
    vip: ["203.0.113.25"],
    backends: [{ id: 9, address: "198.51.100.11" }],
  };
  const both = have({ backends: B.slice(0, 1) }, mail);
  const { script } = planOf(want({ backends: B.slice(0, 1) }), both, "2 . 1");
  const deleted = linesOf(script).filter((line) => /^delete element inet lb (be|hp)4/.test(line));
  assert.deepEqual(deleted, ["delete element inet lb hp4 { 198.51.100.11 . 0:9 }"]);
});

/** Chains that the script gives rules, and those that it takes away. */
function chainsOf(script: string, table: string) {
  const named = (verb: string) => {
    const found = script.matchAll(new RegExp(`^${verb} ${table} (\\S+)`, "gm"));
    return [...new Set(Array.from(found, ([, name]) => name!))].sort();
  };
  return { ruled: named("add rule"), deleted: named("delete chain") };
}

function writtenOf({ written }: NftPlan, table: TableName) {
  const { chains, removed } = written.get(table)!;
  const ruled = [...chains].filter(([, chain]) => rulesOf(chain).length > 0).map(([name]) => name);
  return { ruled: ruled.sort(), deleted: [...removed].sort() };
}

Deno.test("plan: the chains it says it writes are those that its script gives rules", () => {
  const plans = [
    planOf(want({ backends: B.slice(1) }), have({ backends: B }), "2 . 1"),
    planOf(want({ backends: B }), have({ backends: B.slice(1) }), "2 . 1"),
    planOf(want({ backends: B }), EMPTY_SNAPSHOT, "2 . 1"),
    planOf(want({ backends: B }), { ...have({ backends: B }), known: false }, "2 . 1"),
  ];
  for (const plan of plans) {
    assert.deepEqual(writtenOf(plan, "inet lb"), chainsOf(plan.script, "inet lb"));
  }
  assert.deepEqual(plans.map(({ written }) => written.get("inet lb")!.isWhole), [
    false,
    false,
    true,
    true,
  ]);
});

Deno.test("plan: counters that are made begin at 0, those that stay are not in it", () => {
  const begun = (plan: NftPlan) => [...plan.counters].sort();
  const change = planOf(want({ backends: B }), have({ backends: B.slice(1) }), "2 . 1");
  assert.deepEqual(begun(change), [[1, 0]]);
  assert.deepEqual(begun(planOf(want({ backends: B }), EMPTY_SNAPSHOT, "2 . 1")), [
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
  assert.deepEqual(begun(planOf(want(), have({ backends: B }), "2 . 1")), []);
});

const COUNTED = new Map([
  ["n-1", { packets: 7, bytes: 420 }],
  ["n-2", { packets: 5, bytes: 300 }],
]);

const RUINED: readonly (readonly [string, (found: Snapshot) => Snapshot, RegExp])[] = [
  [
    "the revision is gone",
    (found) => altered(found, "inet lb", () => ({ token: undefined })),
    /revision is gone/,
  ],
  ["nothing is on record", (found) => ({ ...found, known: false }), /no record/],
  [
    "an object of a kind lb never makes",
    (found) => altered(found, "inet lb", () => ({ foreign: ["quota q"] })),
    /quota q/,
  ],
  [
    "a map of another type",
    (found) =>
      altered(found, "inet lb", ({ collections }) => {
        const other = { ...collections.get("ex4")!, header: "another" };
        return { collections: new Map(collections).set("ex4", other) };
      }),
    /map ex4/,
  ],
  [
    "a set where a map should be",
    (found) =>
      altered(found, "inet lb", ({ collections }) => {
        const other = { ...collections.get("ex4")!, kind: "set" } as const;
        return { collections: new Map(collections).set("ex4", other) };
      }),
    /map ex4/,
  ],
  [
    "a base chain hung elsewhere",
    (found) =>
      altered(found, "inet lb", ({ chains }) => {
        const { source } = chains.get("c-fwd")!;
        return { chains: new Map(chains).set("c-fwd", { source, hook: "elsewhere" }) };
      }),
    /c-fwd/,
  ],
];

for (const [name, ruin, reason] of RUINED) {
  Deno.test(`plan: ${name}: the table is replaced in one transaction, counters go on`, () => {
    const counted = altered(have({ backends: B }), "inet lb", () => ({ counters: COUNTED }));
    const found = ruin(counted);
    const { changes, script, counters } = planOf(want({ backends: B }), found, "2 . 1");
    assert.match(changes[0]!.detail, reason);
    assert.ok(script.indexOf("delete table") < script.indexOf("create table"));
    assert.match(script, /add counter inet lb n-1 \{ packets 7 bytes 420; \}/);
    assert.deepEqual([...counters], [[1, 7], [2, 5], [3, 0]]);
    const isGuarded = script.startsWith("delete element inet lb revision { 1 . 1 }");
    assert.equal(isGuarded, found.tables.get("inet lb")!.token !== undefined);
  });
}

Deno.test("plan: the counter of an id that is another backend's now begins at 0 in a new table", () => {
  const counted = altered(have({ backends: B }), "inet lb", () => ({ counters: COUNTED }));
  const other = [{ ...B[0]!, address: "198.51.100.99" }, ...B.slice(1)];
  const plan = planOf(want({ backends: other }), { ...counted, known: false }, "2 . 1");
  assert.deepEqual([...plan.counters], [[1, 0], [2, 5], [3, 0]]);
});

/** A service in both IP versions, a table for each. */
const DUAL: ServiceSpec = {
  vip: ["203.0.113.10", "2001:db8:1::10"],
  backends: [...B, { id: 4, address: "2001:db8:b::11" }],
};

function split(...services: readonly ServiceSpec[]): Snapshot {
  return desiredSnapshot(stateOf(services, undefined, [INET_NAT]));
}

Deno.test("plan: of two tables both get the token, though only one of them changes", () => {
  const less = { ...DUAL, backends: DUAL.backends!.slice(1) };
  const { script } = planOf(split(less), withToken(split(DUAL), "1 . 1"), "2 . 1");
  const lines = linesOf(script);
  assert.deepEqual(lines.filter((line) => line.includes("revision")), [
    "delete element ip lb revision { 1 . 1 }",
    "add element ip lb revision { 2 . 1 }",
    "delete element ip6 lb revision { 1 . 1 }",
    "add element ip6 lb revision { 2 . 1 }",
  ]);
  assert.equal(lines.filter((line) => line.includes(" ip6 lb ")).length, 2);
});

Deno.test("plan: one of two tables that is gone is made again, and the other keeps what it holds", () => {
  const whole = withToken(split(DUAL), "1 . 1");
  const found = snapshotOf(new Map([["ip lb", whole.tables.get("ip lb")!]]), true);
  const { changes, script } = planOf(split(DUAL), found, "2 . 1");
  assert.equal(changes[0]!.object, "table ip6 lb");
  assert.ok(changes.slice(1).every(({ object }) => object.startsWith("ip6 lb ")));
  assert.match(script, /^create table ip6 lb$/m);
  assert.deepEqual(linesOf(script).filter((line) => line.includes(" ip lb ")), [
    "delete element ip lb revision { 1 . 1 }",
    "add element ip lb revision { 2 . 1 }",
  ]);
});

Deno.test("plan: two tables of which each has another token are brought to one", () => {
  const found = altered(withToken(split(DUAL), "1 . 1"), "ip6 lb", () => ({ token: "9 . 9" }));
  assert.equal(found.token, undefined, "the tables are no state of anybody's");
  const { changes, script } = planOf(split(DUAL), found, "2 . 1");
  assert.deepEqual(changes.map(({ op, object }) => `${op} ${object}`), [
    "change ip lb set revision",
    "change ip6 lb set revision",
  ]);
  assert.deepEqual(linesOf(script), [
    "delete element ip lb revision { 1 . 1 }",
    "add element ip lb revision { 2 . 1 }",
    "delete element ip6 lb revision { 9 . 9 }",
    "add element ip6 lb revision { 2 . 1 }",
  ]);
});

Deno.test("plan: nothing is left of two tables without services, and it says why", () => {
  const { changes, script } = planOf(split(), withToken(split(DUAL), "1 . 1"), "2 . 1");
  assert.deepEqual(changes.map(({ object, detail }) => `${object}: ${detail}`), [
    "table ip lb: no service is left",
    "table ip6 lb: no service is left",
  ]);
  assert.deepEqual(linesOf(script), [
    "delete element ip lb revision { 1 . 1 }",
    "delete table ip lb",
    "delete element ip6 lb revision { 1 . 1 }",
    "delete table ip6 lb",
  ]);
});

for (
  const [from, to, lacks] of [["one table", "two", [INET_NAT]], ["two tables", "one", []]] as const
) {
  Deno.test(`plan: from ${from} to ${to} in one transaction, and it says why one goes`, () => {
    const other = lacks.length === 0 ? [INET_NAT] : [];
    const found = withToken(desiredSnapshot(stateOf([DUAL], undefined, other)), "1 . 1");
    const wanted = desiredSnapshot(stateOf([DUAL], undefined, lacks));
    const { changes, script } = planOf(wanted, found, "2 . 1");
    const gone = changes.filter(({ op }) => op === "remove");
    assert.deepEqual(
      gone.map(({ object }) => object),
      [...found.tables.keys()].map((name) => {
        return `table ${name}`;
      }),
    );
    assert.ok(gone.every(({ detail }) => detail === "nothing is left for it"));
    for (const name of wanted.tables.keys()) assert.ok(script.includes(`create table ${name}\n`));
    for (const name of found.tables.keys()) assert.ok(script.includes(`delete table ${name}\n`));
  });
}

/** So large a plan is for nobody's eyes, and it goes into the record of the revision. */
Deno.test("plan: a new table of very many objects is told by their numbers, and written all the same", () => {
  const backends = Array.from({ length: 500 }, (_, index) => {
    return { id: index + 1, address: `198.51.${index >> 8}.${index & 255}` };
  });
  const { changes, script } = planOf(want({ backends }), EMPTY_SNAPSHOT, "2 . 1");
  assert.equal(changes.length, 1);
  assert.match(changes[0]!.detail, /; with \d+ chains, \d+ maps and sets, 500 counters$/);
  assert.match(script, /^add chain inet lb b-500 /m);
});
