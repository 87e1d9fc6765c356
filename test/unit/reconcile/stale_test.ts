/** Somebody else changes nftables in the same moment. */
import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

/** What lb does with the kernel, as the gate calls it. */
const WRITE = /^run nft -f/;
const READ = /^list tables/;

/** Acts before each call of this kind, `times` times. */
function meddle({ host: { gate } }: Rig, call: RegExp, times: number, act: () => void): void {
  let left = times;
  gate.before = (name) => {
    if (call.test(name) && left-- > 0) act();
  };
}

/** What another lb, or an nft -f, does to the table: everything is there, but it is not ours any more. */
function takeOver({ host: { nft } }: Rig): void {
  const [token] = nft.table("inet lb")?.collections.get("revision")?.elements.keys() ?? [];
  if (token) nft.edit(`delete element inet lb revision { ${token} }`);
  else nft.edit("add table inet lb");
  if (token) nft.edit(`add element inet lb revision { 77 . ${++takeOvers} }`);
}

let takeOvers = 0;

/** How often lb has written to the kernel, and read it, since the gate was opened. */
const writes = ({ host: { gate } }: Rig) => gate.calls.filter((call) => WRITE.test(call)).length;
const reads = ({ host: { gate } }: Rig) => gate.calls.filter((call) => READ.test(call)).length;

Deno.test(
  "a plan that went stale is made again, and converges",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, WRITE, 3, () => takeOver(rig));
    const { changed, drift } = await rig.run(CHANGED);
    assert.equal(changed, true);
    assert.deepEqual(drift, ["nft: everything (written by somebody else)"]);
    const after = await rig.run(CHANGED);
    assert.deepEqual([after.changes, after.drift], [[], []]);
    assert.equal(rig.store.revisions.list().length, 2, "all attempts are one revision");
  }),
);

Deno.test(
  "a table that appears while lb makes its own is replaced",
  withRig(async (rig) => {
    meddle(rig, WRITE, 1, () => takeOver(rig));
    const { changes } = await rig.run(single());
    assert.ok(changes.length > 0);
    assert.deepEqual((await rig.run(single())).changes, []);
  }),
);

Deno.test(
  "between two attempts there is a pause",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, WRITE, 3, () => takeOver(rig));
    rig.host.gate.open();
    await rig.run(CHANGED);
    assert.equal(rig.host.gate.calls.filter((call) => call === "sleep").length, 3);
  }),
);

Deno.test(
  "somebody who never stops is given up on after the patience, clearly, and the revision failed",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, WRITE, Infinity, () => takeOver(rig));
    const start_ms = rig.host.inside.clock.now_ms();
    const error = await rig.run(CHANGED, { patience_ms: 3_000 }).catch((error: unknown) => error);
    const took_ms = rig.host.inside.clock.now_ms() - start_ms - 60_000;
    assert.ok(error instanceof LbError);
    assert.equal(error.code, "kernel-refused");
    assert.match(
      error.message,
      /nft -f on table inet lb: .*No such file or directory .*\(ENOENT\)/,
    );
    assert.match(error.message, /for 3 s.*"nft monitor".*"lb doctor"/s);
    assert.ok(took_ms >= 3_000 && took_ms < 3_100, `${took_ms} ms`);
    const [last] = rig.store.revisions.list();
    assert.deepEqual([last?.outcome, last?.detail], ["failed", error.message]);
    rig.host.gate.before = () => {};
    assert.deepEqual((await rig.run(CHANGED)).revision, 3);
  }),
);

Deno.test(
  "who is told to try again is told so of the command that was given",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, WRITE, Infinity, () => takeOver(rig));
    const request = { patience_ms: 1_000, command: "lb uninstall" };
    await assert.rejects(rig.run(NOTHING, request), /then run "lb uninstall" again\.?$/);
  }),
);

Deno.test(
  "somebody who changes other tables all the time is no hindrance, and nothing is believed without a look",
  withRig(async (rig) => {
    meddle(rig, READ, Infinity, () => rig.host.nft.edit("add table ip theirs"));
    for (const text of [BASE, CHANGED]) {
      const { changed, drift } = await rig.run(text, { patience_ms: 1_000 });
      assert.deepEqual([changed, drift], [true, []]);
    }
    rig.host.gate.before = () => {};
    rig.host.gate.open();
    assert.deepEqual([(await rig.run(CHANGED)).changed, reads(rig) > 0], [false, true]);
  }),
);

/** Once, between lb's transaction and what it reads back of it. */
function meddleAfterCommit({ host: { gate, nft } }: Rig, ...lines: string[]): void {
  let isCommitted = false;
  gate.before = (call) => {
    if (isCommitted) {
      nft.edit(...lines);
      gate.before = () => {};
    }
    isCommitted = WRITE.test(call);
  };
}

Deno.test(
  "what the first attempt did is told too, where a second was needed",
  withRig(async (rig) => {
    let told: unknown;
    await withRig(async (other) => {
      const { changes, sysctls } = await other.run(single());
      told = { changes: changes.map(({ object }) => object).sort(), sysctls };
    })();
    meddleAfterCommit(rig, "flush chain inet lb refuse");
    const { changed, changes, sysctls } = await rig.run(single());
    assert.equal(writes(rig), 2);
    assert.equal(changed, true);
    const objects = new Set(changes.map(({ object }) => object));
    assert.deepEqual({ changes: [...objects].sort(), sysctls }, told);
    assert.match(rig.events("sysctl").join("\n"), /ip_forward 0 → 1/);
  }),
);

Deno.test(
  "what somebody does to tables of his own at that moment takes one look, and no second attempt",
  withRig(async (rig) => {
    meddleAfterCommit(rig, "add table ip theirs");
    const { changed, drift } = await rig.run(single());
    assert.deepEqual([changed, drift, writes(rig)], [true, [], 1]);
    rig.host.gate.open();
    const after = await rig.run(single("", "192.0.2.77"));
    assert.deepEqual([after.changed, after.drift, reads(rig)], [true, [], 0]);
  }),
);

Deno.test(
  "rules that somebody puts in the place of lb's at that moment do not stay",
  withRig(async (rig) => {
    const rules = () => rig.host.nft.table("inet lb")!.chains.get("refuse")!.rules.map(String);
    await rig.run(BASE);
    const before = rules();
    await rig.run(NOTHING);
    const drop = "add rule inet lb refuse drop";
    meddleAfterCommit(rig, "flush chain inet lb refuse", drop, drop);
    await rig.run(BASE);
    assert.deepEqual(rules(), before);
    assert.deepEqual((await rig.look(BASE)).changes, []);
  }),
);

Deno.test(
  "drift that the first attempt repaired is on record once",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("delete element inet lb vip4 { 192.0.2.53 }");
    meddleAfterCommit(rig, "add table ip theirs");
    const { changed, drift } = await rig.run(BASE);
    assert.deepEqual([changed, drift], [true, ["set vip4"]]);
    assert.equal(rig.events("drift").length, 1);
    assert.equal(rig.store.passes.last()?.drift, 1);
    const after = await rig.run(BASE);
    assert.deepEqual([after.changed, after.drift, after.notes], [false, [], []]);
  }),
);

Deno.test(
  "udp flows of removed backends are forgotten though the first plan went stale",
  withRig(async (rig) => {
    await rig.run(BASE);
    const mark = rig.ids()["dns 198.51.100.13|"]! << 8;
    rig.host.netfilter.flows.push({ id: 1, protocol: "udp", mark, answered_by: "198.51.100.13" });
    meddle(rig, WRITE, 1, () => takeOver(rig));
    await rig.run(CHANGED);
    assert.deepEqual(rig.host.picture().flows, []);
  }),
);

Deno.test(
  "an uninstall in the midst of other changes leaves nothing, and is no drift",
  withRig(async (rig) => {
    const start = rig.host.picture();
    await rig.run(BASE);
    meddleAfterCommit(rig, "add table ip theirs");
    const { drift, changed } = await rig.run(NOTHING);
    assert.deepEqual([drift, changed], [[], true]);
    assert.deepEqual(rig.host.picture(), { ...start, others: ["ip theirs"] });
    assert.deepEqual((await rig.run(NOTHING)).drift, []);
  }),
);
