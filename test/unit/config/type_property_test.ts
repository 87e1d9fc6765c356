import { ok } from "node:assert/strict";
import fc from "fast-check";
import { ConfigError } from "../../../lib/config/diagnostic.ts";
import { parseConfig } from "../../../lib/config/load.ts";

/** Every key there is, as the sample has them: `#key = …` and `##key = …` below `#[[table]]`. */
const SAMPLE = Deno.readTextFileSync(new URL("../../../templates/lb.toml", import.meta.url));

const KEYS = keysOf(SAMPLE);

/** A value of every type of TOML. */
const VALUE = fc.constantFrom(
  "{}",
  "{ a = {} }",
  "[]",
  "[[]]",
  "[{}]",
  "[{}, 1, [{ type = {} }]]",
  "2026-11-20",
  "[2026-11-20T09:00:00Z]",
  "nan",
  "[-inf]",
  "-1",
  "[true]",
  '""',
  '["", "\\u0000"]',
  '"80-"',
);

function keysOf(sample: string): { readonly table: string; readonly key: string }[] {
  let table = "";
  return sample.replaceAll(/^# not yet: /gm, "").split("\n").flatMap((line) => {
    table = /^#{0,2}(\[.+\])\s*(?:#.*)?$/.exec(line)?.[1] ?? table;
    const key = /^#{0,2}(\w+) = /.exec(line)?.[1];
    return key ? [{ table, key }] : [];
  });
}

Deno.test("no value of any type at any key is a bug: it is a problem with its place, or sound", async () => {
  ok(KEYS.length > 50, `${KEYS.length} keys in the sample`);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...KEYS), VALUE, async ({ table, key }, value) => {
      const above = /^\[\[?service\./.test(table) ? "[[service]]\n" : "";
      try {
        await parseConfig(`${above}${table}\n${key} = ${value}\n`, "lb.toml");
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        ok(error.diagnostics.every(({ line, column }) => line >= 1 && column >= 1));
      }
    }),
    { numRuns: 3_000 },
  );
});
