/** Somebody changes by hand what lb put there, and the next run repairs it. */
import assert from "node:assert/strict";
import { settledOutcome } from "../../../lib/reconcile/settled.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

interface Drift {
  readonly name: string;
  readonly act: (rig: Rig) => void;
  readonly objects: readonly string[] | ((before: Rig) => readonly string[]);
}

/** Of which nothing was left. */
const DELETED = ["counter n-1", "table inet lb", "eth0 2001:db8::10/128", "eth0 192.0.2.10/32"];

function chainsWithRules({ host }: Rig): string[] {
  const { chains } = host.nft.table("inet lb")!;
  return [...chains].filter(([, { rules }]) => rules.length > 0).map(([name]) => `chain ${name}`);
}

const byNft = (name: string, lines: readonly string[], ...objects: string[]): Drift => ({
  name,
  act: ({ host }) => host.nft.edit(...lines),
  objects,
});

const DRIFTS: readonly Drift[] = [
  byNft("the rules of a chain", ["flush chain inet lb s-web4"], "chain s-web4"),
  byNft("a rule added", ["add rule inet lb refuse accept"], "chain refuse"),
  byNft("a chain added", ["add chain inet lb theirs"], "chain theirs"),
  byNft("an element deleted", ["delete element inet lb vip4 { 192.0.2.53 }"], "set vip4"),
  byNft("an element added", ["add element inet lb vip4 { 192.0.2.99 }"], "set vip4"),
  byNft(
    "an element changed",
    [
      "delete element inet lb ex4 { 192.0.2.10 . tcp . 80 }",
      "add element inet lb ex4 { 192.0.2.10 . tcp . 80 : drop }",
    ],
    "map ex4",
  ),
  byNft("a map emptied", ["flush map inet lb sv-web4"], "map sv-web4"),
  byNft(
    "a set added",
    ["add set inet lb theirs { typeof ip saddr; }"],
    "set theirs",
  ),
  byNft(
    "a chain's policy",
    ["add chain inet lb pre-nat { type nat hook prerouting priority -105; policy drop; }"],
    "chain pre-nat",
  ),
  byNft(
    "a counter and what counts in it",
    ["flush chain inet lb b-1", "delete counter inet lb n-1"],
    "chain b-1",
    "counter n-1",
  ),
  byNft("the whole table", ["delete table inet lb"], "table inet lb"),
  {
    name: "every rule of the table",
    act: ({ host }) => host.nft.edit("flush table inet lb"),
    objects: chainsWithRules,
  },
  {
    name: "the table taken over by another lb",
    act: ({ host: { nft } }) => {
      const [token] = nft.table("inet lb")!.collections.get("revision")!.elements.keys();
      nft.edit(
        `delete element inet lb revision { ${token} }`,
        "add element inet lb revision { 9 . 9 }",
        "flush chain inet lb pre-nat",
      );
    },
    objects: ["nft: everything (written by somebody else)"],
  },
  {
    name: "nothing but our mark on the table",
    act: ({ host: { nft } }) => {
      const [token] = nft.table("inet lb")!.collections.get("revision")!.elements.keys();
      nft.edit(
        `delete element inet lb revision { ${token} }`,
        "add element inet lb revision { 9 . 9 }",
      );
    },
    objects: ["nft: everything (written by somebody else)"],
  },
  byNft(
    "our mark taken off the table",
    ["flush set inet lb revision"],
    "nft: everything (written by somebody else)",
  ),
  {
    name: "a sysctl",
    act: ({ host }) => host.proc.sysctl("net.ipv4.ip_forward", "0"),
    objects: ["net.ipv4.ip_forward"],
  },
  {
    name: "a VIP",
    act: ({ host }) => host.network.addresses.delete("eth0 2001:db8::10/128"),
    objects: ["eth0 2001:db8::10/128"],
  },
  {
    name: "several things at once",
    act: ({ host }) => {
      host.nft.edit("flush chain inet lb s-web6");
      host.proc.sysctl("net.ipv4.conf.eth0.send_redirects", "1");
      host.network.addresses.delete("eth0 192.0.2.10/32");
    },
    objects: ["chain s-web6", "eth0 192.0.2.10/32", "net.ipv4.conf.eth0.send_redirects"],
  },
];

for (const { name, act, objects: expected } of DRIFTS) {
  Deno.test(
    `drift: ${name} comes back, and each object is told once`,
    withRig(async (rig) => {
      await rig.run(BASE);
      const before = rig.host.picture();
      const objects = typeof expected === "function" ? expected(rig) : expected;
      act(rig);
      const { drift } = await rig.run(BASE);
      assert.deepEqual(drift.toSorted(), objects.toSorted());
      assert.deepEqual(rig.host.picture(), before);
      const words = objects.map((object) =>
        `${object} had been ${
          DELETED.includes(object) ? "deleted" : "changed"
        } behind lb's back; put right`
      );
      // Then comes what was done about it.
      const told = rig.events("drift").map((message) => message.replace(/(; put right): .*/, "$1"));
      assert.deepEqual(told.sort(), words.sort());
      assert.equal(rig.store.passes.last()?.drift, objects.length);
      const after = await rig.run(BASE);
      assert.deepEqual([after.changes, after.drift, after.notes], [[], [], []]);
      assert.equal(rig.events("drift").length, objects.length, "no second event");
      assert.equal(rig.store.passes.last()?.drift, 0);
      assert.equal(rig.store.revisions.list().length, 1, "a repair makes no revision");
    }),
  );
}

Deno.test(
  "drift that is found while a new config is applied is told too, and only what drifted",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("flush chain inet lb refuse");
    const { drift } = await rig.run(CHANGED);
    assert.deepEqual(drift, ["chain refuse"]);
  }),
);

Deno.test(
  "a plan tells drift without repairing or recording it",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("flush chain inet lb refuse");
    const { drift } = await rig.plan(BASE);
    assert.deepEqual(drift, ["chain refuse"]);
    assert.deepEqual(rig.events("drift"), []);
    assert.deepEqual((await rig.run(BASE)).drift, ["chain refuse"]);
  }),
);

Deno.test(
  "a table that is gone when lb is to remove it is no drift",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("delete table inet lb");
    assert.deepEqual((await rig.run(NOTHING)).drift, []);
    assert.deepEqual((await rig.run(NOTHING)).drift, []);
  }),
);

Deno.test(
  "a table made while lb has nothing there is drift, and removed",
  withRig(async (rig) => {
    await rig.run(BASE);
    await rig.run(NOTHING);
    rig.host.nft.edit("add table inet lb");
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.nft.tables, []);
  }),
);

Deno.test(
  "a table that an unknown lb left is taken over, which is a note and no drift",
  withRig(async (rig) => {
    rig.host.nft.edit("add table inet lb", "add chain inet lb pre-nat");
    const planned = await rig.plan(single());
    assert.match(planned.warnings.join(), /^nft: .*does not have would go\. If another lb/);
    const { drift, notes, warnings } = await rig.run(single());
    assert.match(warnings.join(), /^nft: .*does not have are gone\. If another lb/);
    assert.deepEqual((await rig.run(single())).warnings, []);
    assert.deepEqual([drift, notes], [[], ["nft: took over what an unknown lb left"]]);
    assert.deepEqual(rig.events("engine"), notes);
  }),
);

Deno.test(
  "a reboot is not drift: everything is made again under the same revision and ids",
  withRig(async (rig) => {
    await rig.run(BASE);
    const before = { picture: rig.host.picture(), ids: rig.ids() };
    rig.reboot();
    const start = rig.host.picture();
    const { drift, notes, warnings, changed, revision } = await rig.run(BASE);
    assert.deepEqual([drift, notes, warnings, changed, revision], [[], [], [], true, 1]);
    assert.deepEqual({ picture: rig.host.picture(), ids: rig.ids() }, before);
    assert.deepEqual(rig.events("drift"), []);
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

Deno.test(
  "a run that was cut off hides no drift for longer than until the next run",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.gate.spoil(45, "killed");
    await assert.rejects(rig.run(CHANGED));
    rig.restart();
    await rig.run(BASE);
    rig.host.proc.sysctl("net.ipv4.ip_forward", "0");
    assert.deepEqual((await rig.run(BASE)).drift, ["net.ipv4.ip_forward"]);
  }),
);

Deno.test(
  "an uninstall cut off before its transaction takes no blame for a table that is lost later",
  withRig(async (rig) => {
    await rig.run(BASE);
    const at = await momentOf(NOTHING, /^run nft -f/);
    rig.host.gate.spoil(at, "killed");
    await assert.rejects(rig.run(NOTHING));
    rig.restart();
    assert.equal(await settledOutcome(rig.machine, BASE, { dryRun: false }), undefined, "a look");
    await rig.run(BASE);
    rig.host.nft.edit("delete table inet lb");
    const { drift, notes } = await rig.run(BASE);
    assert.deepEqual([drift, notes], [["table inet lb"], []]);
  }),
);

/** At which call a run from BASE to this config does that. */
async function momentOf(config: string, call: RegExp): Promise<number> {
  let at = -1;
  await withRig(async (other) => {
    await other.run(BASE);
    other.host.gate.open();
    await other.run(config);
    at = other.host.gate.calls.findIndex((one) => call.test(one));
  })();
  assert.ok(at > 0, `${call}`);
  return at;
}

Deno.test(
  "after an apply that was refused, what somebody changes is drift",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.answerRun = (argv) =>
      argv[1] === "-f"
        ? { code: 1, stdout: "", stderr: "Error: Could not process rule: Invalid argument\n" }
        : undefined;
    await assert.rejects(rig.run(CHANGED));
    rig.host.answerRun = () => undefined;
    rig.host.proc.sysctl("net.ipv4.ip_forward", "0");
    assert.deepEqual((await rig.run(BASE)).drift, ["net.ipv4.ip_forward"]);
  }),
);
