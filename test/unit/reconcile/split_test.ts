/** On a kernel without nat in inet tables, each IP version has a table of its own. */
import assert from "node:assert/strict";
import type { Answer } from "../../../lib/capability/facts.ts";
import { INET_NAT } from "../../../lib/engine/nft/table.ts";
import { LbError } from "../../../lib/model/error.ts";
import { BASE, CHANGED, NOTHING } from "./configs.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

function tellInetNat(rig: Rig, answer: Answer): void {
  const capability = { id: INET_NAT, purpose: "testing", answer, evidence: "test equipment" };
  rig.facts = { ...FACTS, capabilities: [...FACTS.capabilities, capability] };
}

/** Runs a test on a machine that lacks it. */
function onOldKernel(work: (rig: Rig) => Promise<void>): () => Promise<void> {
  return withRig(async (rig) => {
    tellInetNat(rig, "no");
    await work(rig);
  });
}

Deno.test(
  "two tables: made, changed from memory, and taken away without a trace",
  onOldKernel(async (rig) => {
    const start = rig.host.picture();
    await rig.run(BASE);
    assert.deepEqual(rig.host.nft.tables, ["ip lb", "ip6 lb"]);
    assert.deepEqual((await rig.look(BASE)).changes, []);
    rig.host.gate.open();
    await rig.run(CHANGED);
    assert.ok(!rig.host.gate.calls.includes("list tables"), "nothing is read");
    const { changes, drift } = await rig.look(CHANGED);
    assert.deepEqual([changes, drift], [[], []]);
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.picture(), start);
  }),
);

/** What somebody does to one of them, and what is said of it. */
const DRIFTS: readonly (readonly [string, readonly string[]])[] = [
  ["flush chain ip6 lb refuse", ["ip6 lb chain refuse"]],
  ["delete element ip lb vip4 { 192.0.2.53 }", ["ip lb set vip4"]],
  ["delete table ip6 lb", ["table ip6 lb"]],
  ["flush set ip6 lb revision", ["nft: everything (written by somebody else)"]],
];

for (const [statement, expected] of DRIFTS) {
  Deno.test(
    `two tables: after "${statement}" both are as they were, and it is told`,
    onOldKernel(async (rig) => {
      await rig.run(BASE);
      const before = rig.host.picture();
      rig.host.nft.edit(statement);
      assert.deepEqual((await rig.run(BASE)).drift, expected);
      assert.deepEqual(rig.host.picture(), before);
      const after = await rig.look(BASE);
      assert.deepEqual([after.changes, after.drift, after.notes], [[], [], []]);
    }),
  );
}

Deno.test(
  "two tables: another token on one of them is drift, and is put right",
  onOldKernel(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("flush set ip6 lb revision", "add element ip6 lb revision { 9 . 9 }");
    const { drift, changed } = await rig.run(BASE);
    assert.deepEqual([drift, changed], [["nft: everything (written by somebody else)"], true]);
    const after = await rig.run(BASE);
    assert.deepEqual([after.changes, after.drift, after.notes], [[], [], []]);
  }),
);

for (const [from, to] of [["no", "yes"], ["yes", "no"]] as const) {
  Deno.test(
    `a kernel that has it: ${from}, then ${to}: one run moves everything, which is no drift`,
    withRig(async (rig) => {
      const tables = { yes: ["inet lb"], no: ["ip lb", "ip6 lb"] };
      tellInetNat(rig, from);
      await rig.run(BASE);
      tellInetNat(rig, to);
      const { changed, drift, notes } = await rig.run(BASE);
      assert.deepEqual([changed, drift, notes], [true, [], []]);
      assert.deepEqual(rig.host.nft.tables, tables[to]);
      const after = await rig.look(BASE);
      assert.deepEqual([after.changes, after.drift], [[], []]);
    }),
  );
}

Deno.test(
  "two tables: one of that name that another program made is not touched, and it is said what is in the way",
  onOldKernel(async (rig) => {
    rig.host.nft.edit("add table ip lb", "add chain ip lb theirs");
    const error = await rig.run(BASE).catch((error: unknown) => error);
    assert.ok(error instanceof LbError);
    assert.match(error.message, /File exists .*create table ip lb .*\(EEXIST\)/);
    assert.deepEqual(rig.host.nft.tables, ["ip lb"]);
    assert.deepEqual([...rig.host.nft.table("ip lb")!.chains.keys()], ["theirs"]);
    rig.host.nft.edit("delete table ip lb");
    assert.equal((await rig.run(BASE)).changed, true);
  }),
);

Deno.test(
  "one table: those of other programs named ip lb and ip6 lb are nobody's drift and stay",
  withRig(async (rig) => {
    rig.host.nft.edit("add table ip lb", "add table ip6 lb");
    await rig.run(BASE);
    const { drift, changes } = await rig.look(BASE);
    assert.deepEqual([drift, changes], [[], []]);
    await rig.run(NOTHING);
    assert.deepEqual(rig.host.nft.tables, ["ip lb", "ip6 lb"]);
  }),
);
