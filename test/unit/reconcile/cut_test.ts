/** Drains at their deadline, where a run does not come to its end or the machine refuses a part of it. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { KernelError } from "../../../lib/model/error.ts";
import { drainPass } from "../../../lib/reconcile/drain/drain.ts";
import type { Machine } from "../../../lib/reconcile/request.ts";
import { DONE, due, FIRST, nftEnds, SECOND, TEXT } from "./cut_rig.ts";
import { type Rig, withRig } from "./rig.ts";

/** How long the rules of a cut last. */
const CUT_MS = 10_000;

async function pass(rig: Rig, more: Partial<Machine> = {}) {
  const { config } = await parseConfig(TEXT, "lb.toml");
  return await drainPass({ ...rig.machine, ...more }, config);
}

function ended(rig: Rig): unknown[] {
  return rig.store.intents.all().map((row) => row.ended);
}

/** The kernel refuses to forget a connection. */
function refuseToForget(rig: Rig): Partial<Machine> {
  const { kernel } = rig.machine;
  const netlink: typeof kernel.sockets.netlink = (protocol) => {
    // Reading goes by a connection of its own, before.
    if (rig.store.intents.all().some((row) => row.ended !== null)) {
      const what = { operation: "delete", object: "conntrack entry", errno: "EPERM" };
      throw new KernelError({ ...what, message: "testing" });
    }
    return kernel.sockets.netlink(protocol);
  };
  return { kernel: { ...kernel, sockets: { ...kernel.sockets, netlink } } };
}

Deno.test(
  "a drain is on record as cut before its connections are forgotten",
  withRig(async (rig) => {
    await rig.run(TEXT);
    due(rig, FIRST);
    nftEnds(rig, DONE);
    const seen: unknown[] = [];
    const { kernel } = rig.machine;
    const netlink: typeof kernel.sockets.netlink = (protocol) => {
      seen.push(...ended(rig), ...rig.events("drain"));
      return kernel.sockets.netlink(protocol);
    };
    const sockets = { ...kernel.sockets, netlink };
    await pass(rig, { kernel: { ...kernel, sockets } });
    assert.deepEqual(seen, [null, "cut", `web ${FIRST} is at its deadline: 2 connections cut`]);
    assert.deepEqual(rig.host.netfilter.flows, []);
  }),
);

Deno.test(
  "what the kernel does not forget is cut by the next pass",
  withRig(async (rig) => {
    await rig.run(TEXT);
    due(rig, FIRST);
    nftEnds(rig, DONE);
    await assert.rejects(pass(rig, refuseToForget(rig)), /EPERM/);
    assert.deepEqual(ended(rig), [null]);
    const { changes } = await pass(rig);
    assert.match(changes[0]?.message ?? "", /2 connections cut/);
    assert.deepEqual(ended(rig), ["cut"]);
  }),
);

Deno.test(
  "rules of an earlier cut stay on record where nft refuses those of the next one",
  withRig(async (rig) => {
    await rig.run(TEXT);
    due(rig, FIRST);
    nftEnds(rig, DONE);
    await pass(rig);
    const until_ms = rig.host.kernel.clock.now_ms() + CUT_MS;
    assert.equal(rig.store.intents.cutUntil_ms(), until_ms);
    rig.host.inside.clock.advance(4_000);
    due(rig, SECOND);
    nftEnds(rig, { code: 1, stderr: "Error: Could not process rule: Operation not supported" });
    const { notes } = await pass(rig);
    assert.match(notes.join(), /no rules for resets here/);
    assert.equal(rig.store.intents.cutUntil_ms(), until_ms);
  }),
);

Deno.test(
  "rules of which nft gave no account are taken away in their time",
  withRig(async (rig) => {
    await rig.run(TEXT);
    due(rig, FIRST);
    nftEnds(rig, { code: 124, stderr: "" });
    await pass(rig);
    assert.equal(rig.store.intents.cutUntil_ms(), rig.host.kernel.clock.now_ms() + CUT_MS);
  }),
);
