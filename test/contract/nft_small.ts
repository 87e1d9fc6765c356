/** Small transactions go over netlink, without nft: what comes of them is what nft would have written. */
import assert from "node:assert/strict";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import type { DesiredState } from "../../lib/model/state.ts";
import { type ServiceSpec, stateOf } from "../fake/services.ts";
import { Driver } from "./driver.ts";
import { makeNftRig, type NftHost } from "./nft_rig.ts";

const VIPS = ["203.0.113.10", "2001:db8:1::10"];
const ADDRESSES = ["198.51.100.11", "198.51.100.12", "2001:db8:b::11", "2001:db8:b::12"];

function withWeights(spec: ServiceSpec, weights: readonly number[]): DesiredState {
  const backends = ADDRESSES.map((address, index) => ({
    id: index + 1,
    address,
    weight: weights[index % weights.length]!,
  }));
  return stateOf([{ vip: VIPS, ...spec, backends }]);
}

function many(services: number, weights: readonly number[]): DesiredState {
  return stateOf(Array.from({ length: services }, (_, index) => {
    const host = `${index >> 8}.${index & 255}`;
    const backends = weights.map((weight, at) => ({
      id: 2 * index + at + 1,
      address: `198.${18 + at}.${host}`,
      weight,
    }));
    return { name: `s${index}`, vip: [`203.0.${host}`], scheduler: "wrr" as const, backends };
  }));
}

const PERSISTENCE = { timeout_ms: 300_000, mask: 32, mask6: 128 };

/** What is changed, from the first weights to the second. */
const CHANGES: readonly (readonly [string, ServiceSpec, readonly number[], readonly number[]])[] = [
  ["wrr", { scheduler: "wrr" }, [1, 1], [3, 1]],
  ["random", { scheduler: "random" }, [2, 1], [5, 1]],
  ["persistence", { scheduler: "wrr", persistence: PERSISTENCE }, [1, 1], [1, 3]],
  ["persistence, a backend without weight", { persistence: PERSISTENCE }, [1, 1], [1, 0]],
  ["masquerade", { scheduler: "wrr", masquerade: true }, [1, 3], [1, 1]],
  ["sctp", { scheduler: "wrr", protocol: "sctp" }, [1, 1], [3, 1]],
];

/**
 * @param makeHost a fresh host for each test
 * @param services how many are changed at once: of 900, rules do not go into one datagram
 */
export function smallContract(
  name: string,
  makeHost: () => Promise<NftHost>,
  services: number,
): void {
  for (const [what, spec, before, after] of CHANGES) {
    Deno.test(`${name}: weights change without nft, and as nft would have it: ${what}`, async () => {
      assert.equal(
        await outcome(makeHost, spec, [before, after], true),
        await outcome(makeHost, spec, [after], false),
      );
    });
  }

  Deno.test(`${name}: many small changes at once come about, whoever writes them`, async () => {
    const host = await makeHost();
    const rig = await makeNftRig(host);
    try {
      const driver = new Driver(nftEngine, rig);
      await driver.apply(many(services, [1, 1]));
      const planned = (await driver.planNarrowed(many(services, [2, 1])))!;
      assert.ok(planned.plan.small, "each of them is small");
      await driver.carryOut(planned);
      await driver.settled(many(services, [2, 1]));
    } finally {
      rig.close();
    }
  });

  Deno.test(`${name}: a small transaction that is stale changes nothing`, async () => {
    const host = await makeHost();
    const rig = await makeNftRig(host);
    try {
      const driver = new Driver(nftEngine, rig);
      await driver.apply(withWeights({ scheduler: "wrr" }, [1, 1]));
      const planned = (await driver.planNarrowed(withWeights({ scheduler: "wrr" }, [3, 1])))!;
      assert.ok(planned.plan.small);
      await host.edit("flush set inet lb revision");
      const whole = await rig.whole();
      await assert.rejects(driver.carryOut(planned), { name: "StalePlanError" });
      assert.equal(await rig.whole(), whole);
    } finally {
      rig.close();
    }
  });
}

/** All that is there after applying these weights in turn. */
async function outcome(
  makeHost: () => Promise<NftHost>,
  spec: ServiceSpec,
  weights: readonly (readonly number[])[],
  isSmall: boolean,
): Promise<string> {
  const host = await makeHost();
  const rig = await makeNftRig(host);
  try {
    const driver = new Driver(nftEngine, rig);
    for (const [index, each] of weights.entries()) {
      const state = withWeights(spec, each);
      const planned = await driver.planNarrowed(state) ?? await driver.plan(state);
      assert.equal(planned.plan.small !== undefined, isSmall && index > 0);
      const { stamp } = await driver.carryOut(planned);
      assert.equal(stamp, await driver.stamp(), "the stamp is known");
      await driver.settled(state);
    }
    return await rig.whole();
  } finally {
    rig.close();
  }
}
