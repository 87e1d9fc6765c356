/** A declaration in lb's words has the header that the kernel's answer has. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { desiredSnapshot } from "../../../../lib/engine/nft/desired.ts";
import {
  declaredHeader,
  isInterval,
  kindOf,
  listedHeader,
} from "../../../../lib/engine/nft/header.ts";
import { INET_NAT } from "../../../../lib/engine/nft/table.ts";
import type { ListedSet } from "../../../../lib/netlink/nft/set.ts";
import { states } from "../../../contract/states.ts";

const NUMBERS = { integer: 4, ipv4: 7, ipv6: 8, mark: 19, classid: 23 };
const VERDICTS = { data_type: 0xffffff00, data_bytes: 16 };
const IDS = { data_type: NUMBERS.classid, data_bytes: 4 };

/** What linux 6.18 tells of a set that nft 1.0.6 made of a declaration. */
const LISTED: Readonly<Record<string, Omit<ListedSet, "name" | "hasExpressions">>> = {
  "typeof meta mark . meta mark;": { flags: 0, key_type: 1235, key_bytes: 8 },
  "typeof ip saddr . meta priority;": { flags: 0, key_type: 471, key_bytes: 8 },
  "typeof ip6 saddr . meta priority;": { flags: 0, key_type: 535, key_bytes: 20 },
  "typeof ip daddr . meta l4proto . th dport : verdict;": {
    ...{ flags: 8, key_type: 29453, key_bytes: 12 },
    ...VERDICTS,
  },
  "typeof ip6 daddr . meta l4proto . th dport : verdict;": {
    ...{ flags: 8, key_type: 33549, key_bytes: 24 },
    ...VERDICTS,
  },
  "typeof ip daddr . meta l4proto . th dport : verdict; flags interval;": {
    ...{ flags: 140, key_type: 29453, key_bytes: 12 },
    ...VERDICTS,
  },
  "typeof ip6 daddr . meta l4proto . th dport : verdict; flags interval;": {
    ...{ flags: 140, key_type: 33549, key_bytes: 24 },
    ...VERDICTS,
  },
  // Bits of a packet that is quoted in another: three numbers.
  "typeof @th,160,32 . @th,136,8 . @th,224,16 : verdict;": {
    ...{ flags: 8, key_type: 16_644, key_bytes: 12 },
    ...VERDICTS,
  },
  "typeof @th,128,128 . @th,112,8 . @th,384,16 : verdict;": {
    ...{ flags: 8, key_type: 16_644, key_bytes: 24 },
    ...VERDICTS,
  },
  "typeof @th,160,32 . @th,136,8 . @th,224,16 : verdict; flags interval;": {
    ...{ flags: 140, key_type: 16_644, key_bytes: 12 },
    ...VERDICTS,
  },
  "typeof @th,128,128 . @th,112,8 . @th,384,16 : verdict; flags interval;": {
    ...{ flags: 140, key_type: 16_644, key_bytes: 24 },
    ...VERDICTS,
  },
  "typeof ip daddr;": { flags: 0, key_type: NUMBERS.ipv4, key_bytes: 4 },
  "typeof ip6 daddr;": { flags: 0, key_type: NUMBERS.ipv6, key_bytes: 16 },
  "typeof ip daddr; flags interval;": { flags: 4, key_type: NUMBERS.ipv4, key_bytes: 4 },
  "typeof ip6 daddr; flags interval;": { flags: 4, key_type: NUMBERS.ipv6, key_bytes: 16 },
  "typeof ip saddr; flags interval;": { flags: 4, key_type: NUMBERS.ipv4, key_bytes: 4 },
  "typeof ip6 saddr; flags interval;": { flags: 4, key_type: NUMBERS.ipv6, key_bytes: 16 },
  "typeof ip saddr . meta l4proto;": { flags: 0, key_type: 460, key_bytes: 8 },
  "typeof ip6 saddr . meta l4proto;": { flags: 0, key_type: 524, key_bytes: 20 },
  "typeof ct mark : verdict;": { flags: 8, key_type: NUMBERS.mark, key_bytes: 4, ...VERDICTS },
  "typeof meta priority : verdict;": {
    ...{ flags: 8, key_type: NUMBERS.classid, key_bytes: 4 },
    ...VERDICTS,
  },
  "typeof numgen inc mod 65536 : verdict;": {
    ...{ flags: 8, key_type: NUMBERS.integer, key_bytes: 4 },
    ...VERDICTS,
  },
  "typeof numgen inc mod 65536 : meta priority;": {
    ...{ flags: 8, key_type: NUMBERS.integer, key_bytes: 4 },
    ...IDS,
  },
  "typeof ip saddr : meta priority; flags dynamic,timeout; size 65535;": {
    ...{ flags: 56, key_type: NUMBERS.ipv4, key_bytes: 4, size: 65_535 },
    ...IDS,
  },
  "typeof ip6 saddr : meta priority; flags dynamic,timeout; size 65535;": {
    ...{ flags: 56, key_type: NUMBERS.ipv6, key_bytes: 16, size: 65_535 },
    ...IDS,
  },
  "typeof ip saddr; flags dynamic,timeout; size 65535; timeout 10s;": {
    ...{ flags: 48, key_type: NUMBERS.ipv4, key_bytes: 4, size: 65_535, timeout_ms: 10_000 },
  },
  "typeof ip6 saddr; flags dynamic,timeout; size 65535; timeout 10s;": {
    ...{ flags: 48, key_type: NUMBERS.ipv6, key_bytes: 16, size: 65_535, timeout_ms: 10_000 },
  },
};

function listed(declaration: string, more: Partial<ListedSet> = {}): ListedSet {
  return { name: "s", hasExpressions: false, ...LISTED[declaration]!, ...more };
}

for (const declaration of Object.keys(LISTED)) {
  Deno.test(`header: the kernel's answer is known again as ${declaration}`, () => {
    const set = listed(declaration);
    assert.equal(listedHeader(set), declaredHeader(declaration));
    assert.equal(kindOf(set), declaration.includes(" : ") ? "map" : "set");
    assert.equal(isInterval(set), declaration.includes("interval"));
  });
}

Deno.test("header: whatever is wanted, lb declares nothing else", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(states, fc.constantFrom([], [INET_NAT]), (state, lacks) => {
      for (const { collections } of desiredSnapshot({ ...state, lacks }).tables.values()) {
        for (const { header, declaration } of collections.values()) {
          assert.equal(header, declaredHeader(declaration!));
          seen.add(declaration!);
        }
      }
    }),
    { numRuns: 400 },
  );
  assert.deepEqual([...seen].sort(), Object.keys(LISTED).sort());
});

/** What makes another set of it, though its name and the like of its keys are the same. */
const OTHERS: Readonly<Record<string, Partial<ListedSet>>> = {
  "another key": { key_type: NUMBERS.mark },
  "a longer key": { key_bytes: 8 },
  "intervals": { flags: 4 },
  "time-outs": { flags: 0x10 },
  "a time-out": { timeout_ms: 1_000 },
  "a size": { size: 9 },
  "values": { flags: 8, ...VERDICTS },
  "counters of its elements": { hasExpressions: true },
};

for (const [name, other] of Object.entries(OTHERS)) {
  Deno.test(`header: a set with ${name} is another`, () => {
    const declaration = "typeof ip daddr;";
    assert.notEqual(listedHeader(listed(declaration, other)), declaredHeader(declaration));
  });
}

Deno.test("header: a map of objects is a map", () => {
  assert.equal(kindOf(listed("typeof ip daddr;", { flags: 0x40 })), "map");
});

Deno.test("header: a declaration of what lb never makes is refused", () => {
  assert.throws(() => declaredHeader("typeof ip dscp;"), /no key of lb's has a part "ip dscp"/);
});
