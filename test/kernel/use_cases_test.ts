/**
 * The use cases of "load balancing with nftables" (Netdev 2.2) that need no measurement of load; those that do are in
 * load_follow_test.ts.
 */
import assert from "node:assert/strict";
import { FAMILIES } from "../../lib/model/address.ts";
import { manyNetworks, networkAddress } from "./clients.ts";
import { door } from "./config.ts";
import { kernelTests } from "./harness.ts";
import { allAnswered, apply, send } from "./steps.ts";

const test = kernelTests({ backends: 3 });

for (const family of FAMILIES) {
  test(`nftables talk: round robin, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [1, 1, 1], scheduler: "rr" });
    const result = await send(lab, { doors: [door(family)], count: 300, concurrency: 1 });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 100, b2: 100, b3: 100 });
    for (let first = 0; first + 3 <= result.answers.length; first += 3) {
      assert.equal(new Set(result.answers.slice(first, first + 3)).size, 3, `turn at ${first}`);
    }
  });

  test(`nftables talk: weight, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [50, 30, 20] });
    const result = await send(lab, { doors: [door(family)], count: 1_000 });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 500, b2: 300, b3: 200 });
  });

  test(`nftables talk: multiport weight, IPv${family}`, async (lab) => {
    await apply(lab, { weights: [3, 1], ports: '[80, 443, "8000-8002"]', port: 0 });
    const doors = [80, 443, 8000, 8001, 8002].map((port) => door(family, 10, port));
    const result = await send(lab, { doors, count: 1_000 });
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 750, b2: 250 });
    for (const one of doors) {
      const alone = await send(lab, { doors: [one], count: 40 });
      allAnswered(alone);
      assert.deepEqual(alone.per_backend, { b1: 30, b2: 10 }, `port ${one.port}`);
    }
  });

  test(`nftables talk: weight with persistence, IPv${family}`, async (lab) => {
    await manyNetworks(lab);
    await apply(lab, { weights: [3, 1], more: 'persistence = "5m"' });
    const addresses = Array.from({ length: 200 }, (_, host) => networkAddress(family, host, 1));
    const spec = { doors: [door(family)], count: 1_000, concurrency: 1, sources: { addresses } };
    const { answers, ...result } = await send(lab, spec);
    allAnswered({ answers, ...result });
    // Clients follow the weights, and their connections follow the clients.
    assert.deepEqual(result.per_backend, { b1: 750, b2: 250 });
    for (let round = 1; round < 5; round++) {
      assert.deepEqual(answers.slice(round * 200, round * 200 + 200), answers.slice(0, 200));
    }
  });
}
