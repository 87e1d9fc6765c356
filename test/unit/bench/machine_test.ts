import assert from "node:assert/strict";
import { versions } from "../../bench/machine.ts";
import { findPrograms } from "../../bench/programs.ts";

Deno.test("only the programs that were looked for are asked for their version", async () => {
  const programs = await findPrograms([]);
  assert.deepEqual(await versions(programs), {});
  const argv = () => ["echo", "wrk 4.1.0"] as const;
  assert.deepEqual(await versions({ names: ["wrk"], argv }), { wrk: "4.1.0" });
});
