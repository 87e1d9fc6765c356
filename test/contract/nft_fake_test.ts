import assert from "node:assert/strict";
import { StalePlanError } from "../../lib/engine/engine.ts";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import { FakeKernel } from "../fake/kernel.ts";
import { stateOf } from "../fake/services.ts";
import { Tracer } from "../unit/engine/nft/trace.ts";
import { engineContract, SERVICES } from "./engine_contract.ts";
import { dynamicContract } from "./nft_dynamic.ts";
import { makeNftRig, type NftHost } from "./nft_rig.ts";

const RUNS = 100;

function fakeHost(): NftHost & { readonly kernel: FakeKernel } {
  const kernel = new FakeKernel();
  const tracer = new Tracer(() => kernel.nft.table("inet lb"));
  return {
    kernel,
    edit: (...lines) => Promise.resolve(kernel.nft.edit(...lines)),
    tables: () => Promise.resolve(kernel.nft.tables),
    connect(vip) {
      const { counters } = tracer.send({ from: "192.0.2.1:40000", to: vip, local: true });
      for (const name of counters) {
        kernel.nft.table("inet lb")!.counters.get(name)!.packets++;
      }
      return Promise.resolve();
    },
    close() {},
  };
}

engineContract("nft on a fake kernel", () => makeNftRig(fakeHost()), nftEngine, RUNS);
dynamicContract("nft on a fake kernel", () => Promise.resolve(fakeHost()));

Deno.test("nft: a foreign change between commit and read-back is no trouble, but seen by the stamp", async () => {
  const { kernel } = fakeHost();
  const want = nftEngine.desired(stateOf(SERVICES));
  const first = await nftEngine.observe(kernel);
  kernel.beforeRun = (argv) => {
    if (argv.includes("list")) kernel.nft.edit("add table ip meddler");
  };
  const { have, stamp } = await nftEngine.apply(kernel, nftEngine.plan(want, first, "1 . 1"));
  assert.deepEqual(nftEngine.plan(want, have, "2 . 2").changes, []);
  assert.notEqual(stamp, nftEngine.stamp(kernel));
});

Deno.test("nft: a foreign change of our table between commit and read-back is not taken for ours", async () => {
  const { kernel } = fakeHost();
  const want = nftEngine.desired(stateOf(SERVICES));
  const plan = nftEngine.plan(want, await nftEngine.observe(kernel), "1 . 1");
  kernel.beforeRun = (argv) => {
    if (argv.includes("list")) kernel.nft.edit("flush chain inet lb refuse");
  };
  await assert.rejects(nftEngine.apply(kernel, plan), StalePlanError);
});

Deno.test("nft: what nft refuses carries its own words and the errno", async () => {
  const { kernel } = fakeHost();
  const plan = nftEngine.plan(
    nftEngine.desired(stateOf(SERVICES)),
    await nftEngine.observe(kernel),
    "1 . 1",
  );
  const spoilt = { ...plan, script: `${plan.script}delete chain inet lb refuse\n` };
  await assert.rejects(nftEngine.apply(kernel, spoilt), {
    name: "KernelError",
    code: "kernel-refused",
    message: /nft -f on table inet lb: .*Device or resource busy.*\(EBUSY\)/,
  });
});
