/** Somebody else changes nftables in the same moment. */
import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { BASE, CHANGED, NOTHING, single } from "./configs.ts";
import { type Rig, withRig } from "./rig.ts";

/** Acts before each run of nft with these first arguments, `times` times. */
function meddle(rig: Rig, with_: "-f" | "-n", times: number, act: (rig: Rig) => void): void {
  let left = times;
  rig.host.inside.beforeRun = (argv) => {
    if (argv[1] !== with_ || left-- <= 0) return;
    act(rig);
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

Deno.test(
  "a plan that went stale is made again, and converges",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, "-f", 3, takeOver);
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
    meddle(rig, "-f", 1, takeOver);
    const { changes } = await rig.run(single());
    assert.ok(changes.length > 0);
    assert.deepEqual((await rig.run(single())).changes, []);
  }),
);

Deno.test(
  "between two attempts there is a pause",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, "-f", 3, takeOver);
    rig.host.gate.open();
    await rig.run(`${BASE}  weight = 3\n`);
    assert.equal(rig.host.gate.calls.filter((call) => call === "sleep").length, 3);
  }),
);

Deno.test(
  "somebody who never stops is given up on after the patience, clearly, and the revision failed",
  withRig(async (rig) => {
    await rig.run(BASE);
    meddle(rig, "-f", Infinity, takeOver);
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
    rig.host.inside.beforeRun = () => {};
    assert.deepEqual((await rig.run(CHANGED)).revision, 3);
  }),
);

Deno.test(
  "somebody who changes other tables all the time is named as the reason",
  withRig(async (rig) => {
    meddle(rig, "-n", Infinity, ({ host: { nft } }) => nft.edit("add table ip theirs"));
    const error = await rig.run(BASE, { patience_ms: 1_000 }).catch((error: unknown) => error);
    assert.ok(error instanceof LbError);
    assert.match(error.message, /^nftables was changed by somebody else again and again for 1 s/);
    assert.match(error.message, /"nft monitor"/);
  }),
);

/** Once, between lb's transaction and its reading back. */
function meddleAfterCommit(rig: Rig, ...lines: string[]): void {
  let isCommitted = false;
  rig.host.inside.beforeRun = (argv) => {
    if (argv[1] === "-f") isCommitted = true;
    if (!isCommitted || argv[1] !== "-n") return;
    rig.host.nft.edit(...lines);
    rig.host.inside.beforeRun = () => {};
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
    meddleAfterCommit(rig, "add table ip theirs");
    const { changed, changes, sysctls } = await rig.run(single());
    assert.equal(changed, true);
    const objects = new Set(changes.map(({ object }) => object));
    assert.deepEqual({ changes: [...objects].sort(), sysctls }, told);
    assert.match(rig.events("sysctl").join("\n"), /ip_forward 0 → 1/);
  }),
);

Deno.test(
  "drift that the first attempt repaired is on record once",
  withRig(async (rig) => {
    await rig.run(BASE);
    rig.host.nft.edit("delete element inet lb vip4 { 192.0.2.53 }");
    meddleAfterCommit(rig, "add table ip theirs");
    const { changed, drift } = await rig.run(BASE);
    assert.deepEqual([changed, drift], [true, ["elements vip4"]]);
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
    meddle(rig, "-f", 1, takeOver);
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
