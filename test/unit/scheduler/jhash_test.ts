import assert from "node:assert/strict";
import fc from "fast-check";
import { jhash, reciprocalScale } from "../../../lib/scheduler/jhash.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Printed by driver5() of Bob Jenkins' lookup3.c; the kernel's jhash is its hashlittle(). */
const PUBLISHED: readonly (readonly [string, number, number])[] = [
  ["", 0, 0xdeadbeef],
  ["", 0xdeadbeef, 0xbd5b7dde],
  ["Four score and seven years ago", 0, 0x17770551],
  ["Four score and seven years ago", 1, 0xcd628161],
];

for (const [text, seed, hash] of PUBLISHED) {
  Deno.test(`jhash("${text}", ${seed}) is the published 0x${hash.toString(16)}`, () => {
    assert.equal(jhash(bytes(text), seed), hash);
  });
}

Deno.test("jhash notices every single bit of key and seed", () => {
  const key = Uint8Array.from({ length: 20 }, (_, index) => index);
  const whole = jhash(key, 1);
  for (let bit = 0; bit < key.length * 8; bit++) {
    const changed = key.with(bit >> 3, key[bit >> 3]! ^ (1 << (bit & 7)));
    assert.notEqual(jhash(changed, 1), whole, `bit ${bit}`);
  }
  for (let bit = 0; bit < 32; bit++) assert.notEqual(jhash(key, 1 ^ (1 << bit)), whole);
});

Deno.test("reciprocalScale is (hash × modulus) >> 32, exactly", () => {
  fc.assert(fc.property(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.integer({ min: 1, max: 2 ** 20 }),
    (hash, modulus) => {
      assert.equal(reciprocalScale(hash, modulus), Number(BigInt(hash) * BigInt(modulus) >> 32n));
    },
  ));
});
