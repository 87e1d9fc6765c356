import assert from "node:assert/strict";
import { desiredSnapshot } from "../../../../lib/engine/nft/desired.ts";
import { planNft } from "../../../../lib/engine/nft/plan.ts";
import { EMPTY_SNAPSHOT, type Snapshot } from "../../../../lib/engine/nft/snapshot.ts";
import { type BackendSpec, type ServiceSpec, stateOf } from "../../../fake/services.ts";

const B: readonly BackendSpec[] = [1, 2, 3].map((id) => ({ id, address: `198.51.100.1${id}` }));

function want(...services: readonly ServiceSpec[]): Snapshot {
  return desiredSnapshot(stateOf(services));
}

/** The state another apply left, under token `1 . 1`. */
function have(...services: readonly ServiceSpec[]): Snapshot {
  return { ...want(...services), token: "1 . 1" };
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
    const { changes, script } = planNft(want(...services), found, "2 . 1");
    assert.deepEqual([changes, script], [[], ""]);
  }
});

Deno.test("plan: a change begins with the revision it was made for and ends with its own", () => {
  const { script } = planNft(want({ backends: B.slice(1) }), have({ backends: B }), "2 . 1");
  const lines = linesOf(script);
  assert.equal(lines[0], "delete element inet lb revision { 1 . 1 }");
  assert.equal(lines.at(-1), "add element inet lb revision { 2 . 1 }");
});

Deno.test("plan: creation fails where a table is there, and ends with the revision", () => {
  const lines = linesOf(planNft(want({ backends: B }), EMPTY_SNAPSHOT, "2 . 1").script);
  assert.equal(lines[0], "create table inet lb");
  assert.equal(lines.at(-1), "add element inet lb revision { 2 . 1 }");
});

Deno.test("plan: removal is one guarded statement", () => {
  assert.deepEqual(linesOf(planNft(want(), have({ backends: B }), "2 . 1").script), [
    "delete element inet lb revision { 1 . 1 }",
    "delete table inet lb",
  ]);
});

Deno.test("plan: weights of the same sum change slots only", () => {
  const weighted = (...weights: number[]) => ({
    backends: B.map((one, i) => ({ ...one, weight: weights[i]! })),
  });
  const plan = planNft(want(weighted(1, 2, 1)), have(weighted(2, 1, 1)), "2 . 1");
  assert.deepEqual(objectsOf(plan), ["change map sv-web4"]);
  assert.ok(linesOf(plan.script).every((line) => !/chain|rule/.test(line)));
});

Deno.test("plan: another number of slots rewrites the service's chain, and no backend's", () => {
  const plan = planNft(
    want({ backends: [{ ...B[0]!, weight: 200 }, ...B.slice(1)] }),
    have({ backends: B }),
    "2 . 1",
  );
  assert.deepEqual(objectsOf(plan), ["change chain s-web4", "change map sv-web4"]);
});

Deno.test("plan: another port of the service is an element", () => {
  const plan = planNft(want({ backends: B, ports: [80, 443] }), have({ backends: B }), "2 . 1");
  assert.deepEqual(objectsOf(plan), ["change map ex4"]);
  assert.match(plan.changes[0]!.detail, /^\+ 203\.0\.113\.10 \. tcp \. 443 : goto s-web4$/);
});

Deno.test("plan: a changed value is a delete and an add of its key in one batch", () => {
  const before = { backends: B.slice(0, 1) };
  const { script } = planNft(want({ backends: [{ ...B[0]!, id: 9 }] }), have(before), "2 . 1");
  const lines = linesOf(script);
  const gone = lines.indexOf("delete element inet lb sv-web4 { 0 }");
  const come = lines.indexOf("add element inet lb sv-web4 { 0 : jump b-9 }");
  assert.ok(gone > 0 && come > gone);
});

Deno.test("plan: one more service leaves the others' objects alone", () => {
  const plan = planNft(
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
  const { script } = planNft(want({ backends: B.slice(0, 1) }), both, "2 . 1");
  assert.ok(!linesOf(script).some((line) => /delete element inet lb (be|hp)4/.test(line)));
});

Deno.test("plan: what it writes is what it says it touches", () => {
  const plan = planNft(want({ backends: B.slice(1) }), have({ backends: B }), "2 . 1");
  for (const { object } of plan.changes) assert.ok(plan.touches(object), object);
  assert.ok(!plan.touches("chain refuse"));
  assert.ok(!plan.touches("chain b-2"));
});

const RUINED: readonly (readonly [string, (found: Snapshot) => Snapshot, RegExp])[] = [
  ["the revision is gone", (found) => ({ ...found, token: undefined }), /revision is gone/],
  [
    "an object of a kind lb never makes",
    (found) => ({ ...found, foreign: ["quota q"] }),
    /quota q/,
  ],
  ["a map of another type", (found) => ({
    ...found,
    collections: new Map(found.collections).set("ex4", {
      kind: "map",
      source: "listing:1",
      elements: new Map(),
    }),
  }), /map ex4/],
  ["a base chain hung elsewhere", (found) => ({
    ...found,
    chains: new Map(found.chains).set("c-fwd", { source: "", header: "listing:1" }),
  }), /c-fwd/],
];

for (const [name, ruin, reason] of RUINED) {
  Deno.test(`plan: ${name}: the table is replaced in one transaction, counters go on`, () => {
    const found = ruin({
      ...have({ backends: B }),
      counters: new Map([["n-1", { packets: 7, bytes: 420 }], ["n-2", { packets: 5, bytes: 300 }]]),
    });
    const { changes, script } = planNft(want({ backends: B }), found, "2 . 1");
    assert.match(changes[0]!.detail, reason);
    assert.ok(script.indexOf("delete table") < script.indexOf("create table"));
    assert.match(script, /add counter inet lb n-1 \{ packets 7 bytes 420; \}/);
    assert.equal(script.startsWith("delete element inet lb revision"), found.token !== undefined);
  });
}
