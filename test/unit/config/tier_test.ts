import assert from "node:assert/strict";
import fc from "fast-check";
import { editTier } from "../../../lib/config/edit/tier.ts";
import { parseConfig } from "../../../lib/config/load.ts";

/** Rows of: a text, and what it is with two nodes. */
const EDITS: readonly (readonly [string, string])[] = [
  ["", "[tier]\nnodes = 2\n"],
  ["# mine\n[lb]\nengine = 'nft'\n", "# mine\n[lb]\nengine = 'nft'\n\n[tier]\nnodes = 2\n"],
  ["[tier]\nnodes = 1 # one\n[lb]\n", "[tier]\nnodes = 2 # one\n[lb]\n"],
  ["[tier] # so\n[lb]\n", "[tier] # so\nnodes = 2\n[lb]\n"],
  ["[tier]", "[tier]\nnodes = 2\n"],
  ["[lb]\r\n[tier]\r\n  nodes=0x1\r\n", "[lb]\r\n[tier]\r\n  nodes=2\r\n"],
  ["[tier]\nnodes = 2\n", "[tier]\nnodes = 2\n"],
];

for (const [before, after] of EDITS) {
  Deno.test(`nodes in ${JSON.stringify(before)} are set, and nothing else is touched`, () => {
    assert.equal(editTier(before, 2).text, after);
  });
}

Deno.test("what cannot be edited safely is refused", () => {
  for (const text of ["tier.nodes = 1\n", "tier = { nodes = 1 }\n"]) {
    assert.throws(() => editTier(text, 2), /by hand/);
  }
});

Deno.test("whatever number is set is the number that is read", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 65_535 })), async (numbers) => {
      const text = numbers.reduce((text, nodes) => editTier(text, nodes).text, "# none\n");
      const { config } = await parseConfig(text, "lb.toml");
      assert.equal(config.nodes, numbers.at(-1) ?? 1);
    }),
    { numRuns: 30 },
  );
});
