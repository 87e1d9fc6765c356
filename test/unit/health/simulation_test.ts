/** Passes over backends that come and go, thousands of them: what becomes of weights. */
import assert from "node:assert/strict";
import { effectiveWeight } from "../../../lib/health/effective_weight.ts";
import type { Known } from "../../../lib/health/pass.ts";
import type { Service } from "../../../lib/model/service.ts";
import { NOTHING_KNOWN, passOver, serviceWith, standings } from "./service.ts";

const PASSES = 5_000;
const EVERY_MS = 5_000;

/** How often the first backend's weight changed in each tenth of the time. */
function changes(service: Service, isWell: (pass: number) => boolean): number[] {
  let known: Known = NOTHING_KNOWN;
  let last: number | undefined;
  const counts = Array.from({ length: 10 }, () => 0);
  for (let pass = 0; pass < PASSES; pass++) {
    const now_ms = pass * EVERY_MS;
    known = passOver(service, known, `${isWell(pass) ? "+" : "-"}++`, now_ms);
    const [first] = standings(service, known, now_ms);
    const weight = effectiveWeight(100, first!);
    if (last !== undefined && weight !== last) counts[Math.floor(pass * 10 / PASSES)]!++;
    last = weight;
  }
  return counts;
}

const BACKENDS = ["", "", ""];

/** Rows of: what it does, whether it is well at a pass. */
const FLAPPERS: readonly (readonly [string, (pass: number) => boolean])[] = [
  ["answers every other time", (pass) => pass % 2 === 0],
  ["answers two of three times", (pass) => pass % 3 !== 0],
  ["is up for two checks and down for three", (pass) => pass % 5 < 2],
  ["is up for five checks and down for five", (pass) => pass % 10 < 5],
  ["is up for a minute and down for half of one", (pass) => pass % 18 < 12],
];

for (const [name, isWell] of FLAPPERS) {
  for (const balance of ["", '[service.balance]\nslow_start = "30s"']) {
    Deno.test(`weights come to rest where a backend ${name}${balance && ", with a slow start"}`, async () => {
      const counts = changes(await serviceWith("", BACKENDS, balance), isWell);
      assert.deepEqual(counts.slice(2), Array.from({ length: 8 }, () => 0), counts.join());
    });
  }
}

Deno.test("a backend that is down for good and comes back for good changes its weight twice", async () => {
  const counts = changes(await serviceWith("", BACKENDS), (pass) => pass < 100 || pass > 900);
  assert.deepEqual(counts, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("a slow start takes ten steps, each of them up", async () => {
  const slow = await serviceWith("", BACKENDS, '[service.balance]\nslow_start = "500s"');
  const counts = changes(slow, (pass) => pass < 100 || pass > 600);
  assert.equal(counts.reduce((sum, each) => sum + each), 1 + 10);
});
