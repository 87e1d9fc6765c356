import { deepStrictEqual, strictEqual } from "node:assert/strict";
import fc from "fast-check";
import { parseDscp } from "../../../lib/config/dscp.ts";
import { DURATION_MS_MAX, parseDuration } from "../../../lib/config/duration.ts";
import { didYouMean, editDistance, nearest } from "../../../lib/config/suggest.ts";
import { SCHEDULERS } from "../../../lib/model/service.ts";

const KEYS = ["name", "vip", "ports", "scheduler", "persistence", "max_connections", "backend"];

const MEANT: readonly (readonly [string, readonly string[], string | undefined])[] = [
  ["schedular", KEYS, "scheduler"],
  ["prots", KEYS, "ports"],
  ["port", KEYS, "ports"],
  ["max-connections", KEYS, "max_connections"],
  ["max_conn", KEYS, "max_connections"],
  ["persist", KEYS, "persistence"],
  ["NAME", KEYS, "name"],
  ["server", KEYS, "backend"],
  ["stickiness", KEYS, undefined],
  ["zzz", KEYS, undefined],
  ["", KEYS, undefined],
  ["wr", SCHEDULERS, "wrr"],
  ["leastconn", SCHEDULERS, "lc"],
  ["round-robin", SCHEDULERS, "rr"],
  ["magelv", SCHEDULERS, "maglev"],
  ["constructor", KEYS, undefined],
];

for (const [word, candidates, meant] of MEANT) {
  Deno.test(`\`${word}\` is taken for ${meant ?? "nothing"}`, () => {
    strictEqual(nearest(word, candidates), meant);
  });
}

Deno.test("a suggestion is a question", () => {
  strictEqual(didYouMean("prots", KEYS), "did you mean `ports`?");
  strictEqual(didYouMean("zzz", KEYS), undefined);
});

Deno.test("the edit distance is a distance", () => {
  const word = fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 6 });
  fc.assert(fc.property(word, word, (a, b) => {
    const distance = editDistance(a, b);
    strictEqual(distance, editDistance(b, a));
    strictEqual(distance === 0, a === b);
    strictEqual(distance <= Math.max(a.length, b.length), true);
    strictEqual(distance >= Math.abs(a.length - b.length), true);
  }));
  strictEqual(editDistance("ports", "prots"), 1, "a swap of neighbours is one slip");
});

Deno.test("durations are whole numbers with a unit", () => {
  deepStrictEqual(["500ms", "5s", "2m", "1h", "0s"].map(parseDuration), [
    500,
    5_000,
    120_000,
    3_600_000,
    0,
  ]);
  const wrong = ["", "5", "s", "1.5s", "-1s", " 1s", "1 s", "1d", "1H", "1h30m", "9999h", "1e3s"];
  deepStrictEqual(wrong.map(parseDuration), wrong.map(() => undefined));
  strictEqual(parseDuration(`${DURATION_MS_MAX}ms`), DURATION_MS_MAX);
  strictEqual(parseDuration(`${DURATION_MS_MAX + 1}ms`), undefined);
});

Deno.test("code points have the values of their RFCs", () => {
  const names = ["cs0", "cs7", "af11", "af23", "af41", "af43", "ef", "EF", "va", "le", "63", "0"];
  deepStrictEqual(names.map(parseDscp), [0, 56, 10, 22, 34, 38, 46, 46, 44, 1, 63, 0]);
  const wrong = ["", "af14", "af51", "cs8", "64", "-1", "0x2e", "toString"];
  deepStrictEqual(wrong.map(parseDscp), wrong.map(() => undefined));
});
