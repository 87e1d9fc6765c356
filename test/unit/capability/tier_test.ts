import assert from "node:assert/strict";
import { tierReasons } from "../../../lib/capability/tier.ts";
import type { EngineName, Service } from "../../../lib/model/service.ts";
import { serviceOf } from "../../fake/services.ts";

const BY_PACKET = { scheduler: "maglev" } as const;
const STICKY = { timeout_ms: 60_000, mask: 32, mask6: 128 };

/** Rows of: a service, its engine, and which of its keys are in the way of several balancers. */
const ROWS: readonly (readonly [Partial<Service>, EngineName, readonly string[]])[] = [
  [BY_PACKET, "nft", []],
  [{ scheduler: "sh" }, "nfqueue", []],
  [{ scheduler: "wrr" }, "nft", ["scheduler"]],
  [{ scheduler: "wlc" }, "nfqueue", ["scheduler"]],
  [{ ...BY_PACKET, persistence: STICKY }, "nft", ["persistence"]],
  [{ ...BY_PACKET, balance: { slow_start_ms: 0, bound: 0.25 } }, "nfqueue", ["balance.bound"]],
  [{ ...BY_PACKET, forward: "dr" }, "nft", []],
  [{ ...BY_PACKET, masquerade: true }, "nft", ["masquerade"]],
  [BY_PACKET, "ipvs", ["engine"]],
];

for (const [more, engine, paths] of ROWS) {
  const words = paths.length === 0 ? "fits" : `is refused for ${paths.join()}`;
  Deno.test(`several load balancers: ${JSON.stringify(more)} on ${engine} ${words}`, () => {
    const service = { ...serviceOf({ backends: [] }), ...more };
    const told = (nodes: number) =>
      tierReasons(service, engine, nodes).map(({ path }) => path.join("."));
    assert.deepEqual(told(2), paths);
    assert.deepEqual(told(1), []);
  });
}
