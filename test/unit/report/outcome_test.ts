import assert from "node:assert/strict";
import type { Change } from "../../../lib/model/change.ts";
import { type Outcome, OutcomeSum, sumOf } from "../../../lib/reconcile/outcome.ts";
import {
  NOTHING_IN_FORCE,
  outcomeJson,
  outcomeText,
  passLines,
} from "../../../lib/report/outcome.ts";
import { painter } from "../../../lib/report/table.ts";

const plain = painter(false);

const SYSCTL: Change = {
  engine: "sysctl",
  op: "change",
  object: "net.ipv4.ip_forward",
  detail: "0 → 1",
};

const change = (op: Change["op"], object: string, detail = ""): Change => ({
  engine: "nft",
  op,
  object,
  detail,
});

function outcome(more: Partial<Outcome> = {}): Outcome {
  return {
    revision: 4,
    changed: true,
    changes: [change("change", "map sl-web4", "+ 0 : 0:1"), SYSCTL],
    sysctls: [{
      key: "net.ipv4.ip_forward",
      before: "0",
      after: "1",
      why: "packets for a VIP go on to a backend",
    }],
    services: [{ name: "web", engine: "nft", reason: "in-kernel; wrr fits slot maps" }],
    drift: [],
    blocked: [],
    warnings: [],
    notes: [],
    ...more,
  };
}

const NOTHING = outcome({ changed: false, changes: [], sysctls: [] });

Deno.test("where nothing is in force, JSON has the same names", () => {
  const keys = (of: Outcome) => Object.keys(outcomeJson(of)).sort();
  assert.deepEqual(keys(NOTHING_IN_FORCE), keys(outcome()));
});

Deno.test("an outcome as JSON has the names of the contract", () => {
  const json = outcomeJson(outcome());
  assert.deepEqual(Object.keys(json).sort(), [
    ...["blocked", "changed", "changes", "drift", "notes", "revision", "services", "sysctls"],
    "warnings",
  ]);
  assert.deepEqual(json.changes, [
    { engine: "nft", op: "change", object: "map sl-web4", detail: "+ 0 : 0:1" },
    { ...SYSCTL },
  ]);
  const why = "packets for a VIP go on to a backend";
  assert.deepEqual(json.sysctls, [{ key: "net.ipv4.ip_forward", before: "0", after: "1", why }]);
  const reason = "in-kernel; wrr fits slot maps";
  assert.deepEqual(json.services, [{ name: "web", engine: "nft", reason }]);
});

Deno.test("an outcome for people: what was done, each with its sign, and why a sysctl", () => {
  assert.equal(
    outcomeText(outcome(), false, plain),
    `Applied: 2 changes (revision 4)
  ~  nft     map sl-web4          + 0 : 0:1
  ~  sysctl  net.ipv4.ip_forward  0 → 1  packets for a VIP go on to a backend
  web  nft  in-kernel; wrr fits slot maps`,
  );
});

/** Rows of: an outcome, whether it is a plan, its first line. */
const HEADLINES = [
  [outcome(), true, "Plan: 2 changes"],
  [outcome({ changes: [SYSCTL] }), true, "Plan: 1 change"],
  [outcome({ changes: [SYSCTL] }), false, "Applied: 1 change (revision 4)"],
  [NOTHING, true, "Plan: nothing to change"],
  [NOTHING, false, "Nothing to change (revision 4)"],
  [{ ...NOTHING, revision: null }, false, "Nothing to change"],
] as const;

Deno.test("the first line says whether anything was changed, or would be", () => {
  for (const [each, planned, line] of HEADLINES) {
    assert.equal(outcomeText(each, planned, plain).split("\n")[0], line);
  }
});

Deno.test("adding, changing and removing have a sign and a colour each", () => {
  const text = outcomeText(
    outcome({ changes: [change("add", "a"), change("change", "b"), change("remove", "c")] }),
    false,
    painter(true),
  );
  for (const [sign, colour, object] of [["+", 32, "a"], ["~", 33, "b"], ["-", 31, "c"]]) {
    assert.ok(text.includes(`\x1b[${colour}m${sign}\x1b[0m  nft  ${object}`), `${object}`);
  }
});

Deno.test("a table that is made anew is one line that counts what is in it", () => {
  const changes = [
    change("add", "table inet lb", "does not exist"),
    ...["map ex4", "map ex6", "set vip4", "chain pre-nat"].map((object) => change("add", object)),
    SYSCTL,
  ];
  const lines = outcomeText(outcome({ changes }), true, plain).split("\n");
  assert.equal(lines[0], "Plan: 6 changes");
  const words = "does not exist; with 2 maps, 1 set, 1 chain";
  assert.match(lines[1] ?? "", new RegExp(`^  \\+  nft +table inet lb +${words}$`));
  assert.match(lines[2] ?? "", /^ {2}~ {2}sysctl/);
  assert.equal(lines.length, 4);
});

Deno.test("a chain that is added to a table that is there has its own line", () => {
  const text = outcomeText(outcome({ changes: [change("add", "chain b-1", "web")] }), false, plain);
  assert.match(text, /\n {2}\+ {2}nft {2}chain b-1 {2}web\n/);
});

Deno.test("drift and notes are told", () => {
  const drift = ["worker", "chain s-web4"];
  const changes = [change("add", "worker", "does not run")];
  const told = { drift, changes, notes: ["forgot 2 udp flows"] };
  const [, ...lines] = outcomeText(outcome(told), false, plain).split("\n");
  assert.deepEqual(lines.slice(1, 4), [
    "! queue worker: does not run",
    "! chain s-web4: changed behind lb's back",
    "· forgot 2 udp flows",
  ]);
});

Deno.test("a pass tells each change once, in a line, and what was done about drift", () => {
  const changes = [
    change("change", "chain b-1", "rules written anew"),
    change("add", "worker", "does not run"),
    change("change", "map sv-web4", "what follows from health"),
    SYSCTL,
  ];
  const drift = ["chain b-1", "worker", "set y"];
  const news = ["forgot 2 udp flows"];
  assert.deepEqual(passLines(outcome({ changes, drift, news, notes: [...news, "x"] }), plain), [
    "! chain b-1 had been changed behind lb's back; put right: rules written anew",
    "! queue worker: does not run; started anew",
    "! set y had been changed behind lb's back; put right",
    "~ sysctl net.ipv4.ip_forward 0 → 1",
    "· forgot 2 udp flows",
  ]);
});

Deno.test("what had been deleted is told so, and that it is there again", () => {
  const table = change("add", "table inet lb", "does not exist");
  const changes = [table, change("add", "map sv-web4", "3 elements")];
  const drift = [table.object];
  assert.deepEqual(passLines(outcome({ changes, drift }), plain), [
    "! table inet lb had been deleted behind lb's back; put right: made anew",
  ]);
  const many = [{ ...table, detail: "does not exist; with 900 chains" }];
  assert.deepEqual(passLines(outcome({ changes: many, drift }), plain), [
    "! table inet lb had been deleted behind lb's back; put right: made anew; with 900 chains",
  ]);
  const text = outcomeText(outcome({ changes, drift }), true, plain);
  assert.match(text, /\n! table inet lb: deleted behind lb's back\n/);
});

Deno.test("a pass that found all as it was, or moved weights only, has nothing to tell", () => {
  assert.deepEqual(passLines(outcome({ changes: [], notes: ["ipvs would be better"] }), plain), []);
  const changes = [change("change", "map sl-web4", "weights")];
  assert.deepEqual(passLines(outcome({ changes, routine: true }), plain), []);
});

Deno.test("what changed of health is told, a line for each", () => {
  const message = "web 198.51.100.11:80 is unhealthy: refused (3 failed checks)";
  const health = [{
    kind: "health",
    service: "web",
    backend: "198.51.100.11|80",
    message,
  }] as const;
  assert.match(outcomeText(outcome({ health }), false, plain), /^! web 198\.51\.100\.11:80 is un/m);
});

Deno.test("JSON calls backends as notifications do, not by lb's own keys", () => {
  const keys = ["198.51.100.12|8080", "2001:db8:b::11|8080", "2001:db8:b::11|", undefined];
  const health = keys.map((backend) =>
    ({ kind: "health", service: "web", backend, message: "m" }) as const
  );
  const told = outcomeJson(outcome({ health })).health as { readonly backend?: string }[];
  assert.deepEqual(told.map(({ backend }) => backend), [
    "198.51.100.12:8080",
    "[2001:db8:b::11]:8080",
    "2001:db8:b::11",
    undefined,
  ]);
  assert.ok(!("health" in outcomeJson(outcome())));
});

Deno.test("two runs as one: all that was done, and how things are in the end", () => {
  const first = outcome({ drift: ["chain a"], blocked: ["x"], unwell: ["y"], notes: ["n"] });
  const second = outcome({ changed: false, changes: [], sysctls: [], revision: 5 });
  const sum = sumOf(sumOf(NOTHING_IN_FORCE, first), second);
  const { unwell: _, ...done } = first;
  assert.deepEqual(sum, { ...done, revision: 5, blocked: [] });
});

Deno.test("many runs as one: how things stand is noted once, what was done each time", () => {
  const sum = new OutcomeSum(NOTHING_IN_FORCE);
  assert.deepEqual(sum.total(), NOTHING_IN_FORCE);
  const health = [{ kind: "health", service: "web", backend: "b", message: "m" }] as const;
  const did = "forgot 1 udp flow of unhealthy backends";
  const notes = ["engine ipvs would be better", did];
  sum.add(outcome({ drift: ["chain a"], blocked: ["x"], notes, news: [did], health }));
  sum.add(outcome({ changed: false, changes: [], sysctls: [], notes, news: [did], revision: 5 }));
  const { changed, revision, drift, blocked, health: told, notes: noted } = sum.total();
  assert.deepEqual({ changed, revision, drift, blocked, told, noted }, {
    changed: true,
    revision: 5,
    drift: ["chain a"],
    blocked: [],
    told: health,
    noted: [...notes, did],
  });
});

Deno.test("a day of passes is no more to add up for being long", () => {
  const sum = new OutcomeSum(NOTHING_IN_FORCE);
  const changes = Array.from({ length: 20 }, () => change("change", "map sl-web4", "weights"));
  for (let pass = 0; pass < 20_000; pass++) sum.add(outcome({ changes, notes: ["n"] }));
  assert.equal(sum.total().changes.length, 400_000);
  assert.deepEqual(sum.total().notes, ["n"]);
});
