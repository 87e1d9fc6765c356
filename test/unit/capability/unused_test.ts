import assert from "node:assert/strict";
import { modulesToLoad, unusedEngines } from "../../../lib/capability/unused.ts";
import { builtIn, modular } from "./machine.ts";

Deno.test("an engine whose module is not loaded has nothing in the kernel; one that is built in may", async () => {
  assert.deepEqual(await unusedEngines(modular([]).kernel), new Set(["nft", "ipvs"]));
  assert.deepEqual(await unusedEngines(modular(["nf_tables"]).kernel), new Set(["ipvs"]));
  assert.deepEqual(await unusedEngines(builtIn().kernel), new Set());
});

Deno.test("what the kernel would load is told once each, and what it has loaded since is not", async () => {
  const machine = modular([]);
  const facts = await machine.detect();
  const used = new Set(["nft-nat", "nft-vmap", "nft-counter", "net-admin"]);
  assert.deepEqual(modulesToLoad(machine.kernel, facts, used), ["nf_tables", "nft_nat"]);
  machine.write("/proc/modules", "nf_tables 1 0 - Live 0x0\n");
  assert.deepEqual(modulesToLoad(machine.kernel, facts, used), ["nft_nat"]);
  assert.deepEqual(modulesToLoad(machine.kernel, facts, new Set(["ipvs"])), ["ip_vs"]);
});
