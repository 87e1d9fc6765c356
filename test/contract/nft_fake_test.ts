import assert from "node:assert/strict";
import { StalePlanError } from "../../lib/engine/engine.ts";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import { FakeKernel } from "../fake/kernel.ts";
import { stateOf } from "../fake/services.ts";
import { Tracer } from "../unit/engine/nft/trace.ts";
import { engineContract, SERVICES } from "./engine_contract.ts";
import { dynamicContract } from "./nft_dynamic.ts";
import { ingressContract } from "./nft_ingress.ts";
import { makeNftRig, type NftHost } from "./nft_rig.ts";
import { smallContract } from "./nft_small.ts";

const RUNS = 50;

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
    rarities: [],
    close() {},
  };
}

engineContract("nft on a fake kernel", () => makeNftRig(fakeHost()), nftEngine, RUNS);
dynamicContract("nft on a fake kernel", () => Promise.resolve(fakeHost()));
ingressContract("nft on a fake kernel", () => Promise.resolve(fakeHost()));
smallContract("nft on a fake kernel", () => Promise.resolve(fakeHost()), 20);

/** A fake kernel on which somebody acts right after each run of nft, before anybody looks. */
function meddled(act: (kernel: FakeKernel) => void): Kernel & Pick<FakeKernel, "nft"> {
  const { kernel } = fakeHost();
  return {
    ...kernel,
    nft: kernel.nft,
    runDir: kernel.runDir,
    process: {
      async run(argv) {
        const result = await kernel.process.run(argv);
        act(kernel);
        return result;
      },
    },
  };
}

/** Applies {@linkcode SERVICES} to what has nothing. */
async function firstApply(kernel: Kernel) {
  const want = nftEngine.desired(stateOf(SERVICES));
  const { have, stamp } = await nftEngine.observe(kernel);
  const plan = nftEngine.plan(want, have, "1 . 1");
  return { want, plan, applied: () => nftEngine.apply(kernel, plan, stamp) };
}

/** What somebody may do between lb's commit and the moment its rules are read back. */
const MEDDLING: Readonly<Record<string, (nft: FakeKernel["nft"]) => void>> = {
  "a chain of lb's is emptied": (nft) => nft.edit("flush chain inet lb refuse"),
  "one of its rules is replaced": (nft) => {
    const { handle } = nft.table("inet lb")!.chains.get("refuse")!.rules.at(-1)!;
    nft.edit(`delete rule inet lb refuse handle ${handle}`, "add rule inet lb refuse drop");
  },
  "all its rules are replaced by as many others": (nft) => {
    const rule = "add rule inet lb refuse drop";
    nft.edit("flush chain inet lb refuse", rule, rule);
  },
};

for (const [what, act] of Object.entries(MEDDLING)) {
  Deno.test(`nft: where ${what} before they are read back, no rules are taken for lb's`, async () => {
    const { applied } = await firstApply(meddled(({ nft }) => act(nft)));
    await assert.rejects(applied(), (error) => {
      assert.ok(error instanceof StalePlanError);
      assert.equal(error.hasLanded, true, "the plan itself was carried out");
      return true;
    });
  });
}

Deno.test("nft: where somebody has changed a table of his own, rules are recorded, but a look has to tell", async () => {
  const kernel = meddled(({ nft }) => nft.edit("add table ip after"));
  const { want, plan, applied } = await firstApply(kernel);
  kernel.nft.edit("add table ip before");
  const { stamp, objects } = await applied();
  assert.equal(stamp, undefined);
  const state = stateOf(SERVICES);
  const recorded = new Map([...objects].flatMap(([name, one]) => one ? [[name, one]] : []));
  const committed = { token: plan.token, state, objects: recorded };
  const { have } = await nftEngine.observe(kernel, committed);
  assert.deepEqual(nftEngine.plan(want, have, "2 . 2").changes, []);
});

Deno.test("nft: what nft refuses carries its own words and the errno", async () => {
  const { kernel } = fakeHost();
  const rig = await makeNftRig({ ...fakeHost(), kernel });
  const { plan } = await firstApply(kernel);
  await assert.rejects(
    nftEngine.apply(kernel, rig.spoils[0]!(plan), await nftEngine.stamp(kernel)),
    {
      name: "KernelError",
      code: "kernel-refused",
      message: /nft -f on table inet lb: .*Device or resource busy.*\(EBUSY\)/,
    },
  );
});

Deno.test("nft: the generation leaves out 0 when it has been through all numbers", async () => {
  // The fake's numbers have no end.
  const last = 0xffff_ffff;
  const kernel = meddled(({ nft }) => nft.generation = 1);
  const { plan } = await firstApply(kernel);
  kernel.nft.generation = last;
  assert.equal((await nftEngine.apply(kernel, plan, `${last}`)).stamp, "1");
});

Deno.test("nft: a plan without changes is not applied", async () => {
  const { kernel } = fakeHost();
  const nothing = nftEngine.desired(stateOf([]));
  const plan = nftEngine.plan(nothing, (await nftEngine.observe(kernel)).have, "1 . 1");
  await assert.rejects(nftEngine.apply(kernel, plan, "1"), TypeError);
});
