import assert from "node:assert/strict";
import fc from "fast-check";
import { valueBytes } from "../../../../lib/engine/nft/key_bytes.ts";
import { keyBytes, keyText, partsOf } from "../../../../lib/engine/nft/key_type.ts";

/** TYPE_INET_PROTOCOL of nftables. */
const PROTOCOL = 12;

const KEYS = [
  "ip daddr . meta l4proto . th dport",
  "ip6 daddr . meta l4proto . th dport",
  "ip saddr . meta priority",
  "numgen inc mod 65536",
  "meta mark . meta mark",
  "@th,160,32 . @th,136,8 . @th,224,16",
];

/** Bytes as the kernel has them: padding is 0, and the protocol one that lb knows. */
function keyOf(expression: string, random: Uint8Array): Uint8Array {
  const parts = partsOf(expression);
  const key = new Uint8Array(keyBytes(parts));
  let at = 0;
  for (const part of parts) {
    const isProtocol = part.type === PROTOCOL;
    key.set(isProtocol ? [17] : random.slice(at, at + part.bytes), at);
    at += (part.bytes + 3) & ~3;
  }
  return key;
}

Deno.test("what a key is read as leads back to its bytes", () => {
  const bytes = fc.uint8Array({ minLength: 24, maxLength: 24 });
  fc.assert(fc.property(fc.constantFrom(...KEYS), bytes, (expression, random) => {
    const key = keyOf(expression, random);
    const parts = partsOf(expression);
    assert.deepEqual(valueBytes(parts, keyText(parts, key)), key);
  }));
});

for (
  const [expression, text] of [
    ["ip daddr", "192.0.2.0/24"],
    ["ip daddr", "2001:db8::1"],
    ["ip6 daddr", "192.0.2.1"],
    ["th dport", "80-90"],
    ["th dport", "65536"],
    ["meta l4proto", "icmp"],
    ["meta priority", "1:10000"],
    ["meta mark", "0x1"],
    ["@th,136,8", "0x123"],
    ["ip daddr . th dport", "192.0.2.1"],
  ] as const
) {
  Deno.test(`${text} is no single ${expression}`, () => {
    assert.equal(valueBytes(partsOf(expression), text), undefined);
  });
}
