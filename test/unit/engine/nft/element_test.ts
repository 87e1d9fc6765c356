/** The kernel's bytes in the words of lb's scripts. Bytes as linux 6.18 was seen to send them. */
import assert from "node:assert/strict";
import { elementReader } from "../../../../lib/engine/nft/element.ts";
import { addressBytes, parseAddress } from "../../../../lib/model/address.ts";
import type { ElementData, ListedElement } from "../../../../lib/netlink/nft/element.ts";
import type { ListedSet } from "../../../../lib/netlink/nft/set.ts";

const INTERVAL = 4;
const CONCAT = 0x80;

/** nft's numbers of types; six bits for each part of a concatenation. */
const TYPES = { integer: 4, ipv4: 7, ipv6: 8, proto: 12, port: 13, mark: 19, classid: 23 };

function typeOf(...parts: readonly (keyof typeof TYPES)[]): number {
  return parts.reduce((number, part) => number * 64 + TYPES[part], 0);
}

function setOf(key_type: number, more: Partial<ListedSet> = {}): ListedSet {
  return { name: "s", flags: 0, key_type, key_bytes: 4, hasExpressions: false, ...more };
}

/** Addresses as text, everything else as numbers. */
function bytes(...parts: readonly (string | number)[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => {
    return typeof part === "string" ? [...addressBytes(parseAddress(part)!)] : [part];
  }));
}

function element(key: Uint8Array, more: Partial<ListedElement> = {}): ListedElement {
  return { key, isIntervalEnd: false, isCatchAll: false, ...more };
}

const start = (text: string) => element(bytes(text));
const end = (text: string) => element(bytes(text), { isIntervalEnd: true });
const ALL = element(new Uint8Array(), { isCatchAll: true });

function read(set: ListedSet, ...elements: readonly ListedElement[]): [string, string][] {
  const reader = elementReader(set);
  assert.ok(reader);
  for (const one of elements) reader.add(one);
  return [...reader.result()];
}

function keys(set: ListedSet, ...elements: readonly ListedElement[]): string[] {
  return read(set, ...elements).map(([key]) => key);
}

/** What the row says, the type, a key, and how lb spells it. */
const KEYS: readonly (readonly [string, number, Uint8Array, string])[] = [
  ["an IPv4 address", typeOf("ipv4"), bytes("192.0.2.1"), "192.0.2.1"],
  ["an IPv6 address", typeOf("ipv6"), bytes("2001:db8::1"), "2001:db8::1"],
  [
    "an IPv6 address that nft would print with dots",
    typeOf("ipv6"),
    bytes("::ffff:c000:201"),
    [
      "::ffff:c000:201",
    ][0]!,
  ],
  ["a slot", typeOf("integer"), bytes(1, 2, 0, 0), "513"],
  ["a mark, in the machine's byte order", typeOf("mark"), bytes(0, 1, 0, 0), "256"],
  ["a mark of all bits", typeOf("mark"), bytes(255, 255, 255, 255), "4294967295"],
  ["a priority", typeOf("classid"), bytes(2, 0, 1, 0), "1:2"],
  ["the largest priority", typeOf("classid"), bytes(255, 255, 255, 255), "ffff:ffff"],
  ["no priority", typeOf("classid"), bytes(0, 0, 0, 0), "none"],
  ["a token", typeOf("mark", "mark"), bytes(7, 0, 0, 0, 255, 255, 255, 255), "7 . 4294967295"],
  [
    "a VIP's port, each part filled up to 4 bytes",
    typeOf("ipv4", "proto", "port"),
    bytes("203.0.113.10", 6, 0, 0, 0, 31, 144, 0, 0),
    "203.0.113.10 . tcp . 8080",
  ],
  [
    "the same in IPv6",
    typeOf("ipv6", "proto", "port"),
    bytes("2001:db8::1", 17, 0, 0, 0, 0, 53, 0, 0),
    "2001:db8::1 . udp . 53",
  ],
  ["sctp", typeOf("ipv4", "proto"), bytes("192.0.2.1", 132, 0, 0, 0), "192.0.2.1 . sctp"],
  [
    "a protocol lb has no name for",
    typeOf("ipv4", "proto"),
    bytes("192.0.2.1", 47, 0, 0, 0),
    "192.0.2.1 . 47",
  ],
  [
    "a VIP's port as an ICMP error quotes it: numbers in full width",
    typeOf("integer", "integer", "integer"),
    bytes("203.0.113.10", 6, 0, 0, 0, 0, 80, 0, 0),
    "0xcb00710a . 0x06 . 0x0050",
  ],
  [
    "the same in IPv6",
    typeOf("integer", "integer", "integer"),
    bytes("2001:db8:1::10", 17, 0, 0, 0, 31, 144, 0, 0),
    "0x20010db8000100000000000000000010 . 0x11 . 0x1f90",
  ],
  [
    "a backend that is a client",
    typeOf("ipv6", "classid"),
    bytes("2001:db8::1", 1, 0, 0, 0),
    "2001:db8::1 . 0:1",
  ],
];

for (const [name, key_type, key, text] of KEYS) {
  Deno.test(`elements: ${name} is ${text}`, () => {
    assert.deepEqual(keys(setOf(key_type, { key_bytes: key.length }), element(key)), [text]);
  });
}

const MAP = { flags: 8, data_type: 0xffffff00, data_bytes: 16 } as const;

const VALUES: readonly (readonly [string, Partial<ListedSet>, ElementData, string])[] = [
  ["a chain", MAP, { verdict: "goto", chain: "s-web4" }, "goto s-web4"],
  ["a chain to come back from", MAP, { verdict: "jump", chain: "b-1" }, "jump b-1"],
  ["a verdict that lb never writes", MAP, { verdict: "drop" }, "drop"],
  ["what nft has no word for", MAP, { verdict: "other" }, "other"],
  ["an id", { flags: 8, data_type: TYPES.classid, data_bytes: 4 }, bytes(255, 127, 0, 0), "0:7fff"],
  ["data of another type", { flags: 8, data_type: 5, data_bytes: 2 }, bytes(1, 2), "1 2"],
];

for (const [name, set, data, text] of VALUES) {
  Deno.test(`elements: ${name} as a value is ${text}`, () => {
    const one = element(bytes(3, 0, 0, 0), { data });
    assert.deepEqual(read(setOf(TYPES.integer, set), one), [["3", text]]);
  });
}

const RANGES = setOf(TYPES.ipv4, { flags: INTERVAL });
const RANGES6 = setOf(TYPES.ipv6, { flags: INTERVAL, key_bytes: 16 });

/** What the row says, the set, its boundaries as the kernel has them (in no order), and the ranges. */
const BOUNDARIES: readonly (readonly [
  string,
  ListedSet,
  readonly ListedElement[],
  readonly string[],
])[] = [
  ["none", RANGES, [end("0.0.0.0")], []],
  [
    "a prefix, beside the end at the lowest value that nft adds",
    RANGES,
    [end("203.0.113.32"), start("203.0.113.16"), end("0.0.0.0")],
    ["203.0.113.16/28"],
  ],
  [
    "two prefixes side by side",
    RANGES,
    [start("192.0.2.128"), end("192.0.3.0"), end("192.0.2.128"), start("192.0.2.0")],
    ["192.0.2.0/25", "192.0.2.128/25"],
  ],
  [
    "two prefixes side by side, with one boundary between them",
    RANGES,
    [start("192.0.2.0"), start("192.0.2.128"), end("192.0.3.0")],
    ["192.0.2.0/25", "192.0.2.128/25"],
  ],
  ["one address", RANGES, [start("192.0.2.7"), end("192.0.2.8")], ["192.0.2.7"]],
  [
    "the first and the last address",
    RANGES,
    [start("0.0.0.0"), end("0.0.0.1"), start("255.255.255.255")],
    ["0.0.0.0", "255.255.255.255"],
  ],
  ["a prefix to the end of the address space", RANGES, [start("240.0.0.0")], ["240.0.0.0/4"]],
  ["every address", RANGES, [end("0.0.0.0"), start("0.0.0.0")], ["0.0.0.0/0"]],
  [
    "a range that is no prefix",
    RANGES,
    [start("192.0.2.1"), end("192.0.2.4")],
    ["192.0.2.1-192.0.2.3"],
  ],
  [
    "a range of a prefix's size that does not begin where one does",
    RANGES,
    [start("192.0.2.4"), end("192.0.2.12")],
    ["192.0.2.4-192.0.2.11"],
  ],
  ["the rest of all ranges", RANGES, [ALL, start("192.0.2.7"), end("192.0.2.8")], [
    "192.0.2.7",
    "*",
  ]],
  [
    "IPv6 prefixes side by side",
    RANGES6,
    [
      end("2001:db8:2::"),
      start("2001:db8:1::"),
      start("2001:db8::"),
      end("2001:db8:1::"),
      start("ffff::"),
    ],
    ["2001:db8::/48", "2001:db8:1::/48", "ffff::/16"],
  ],
  ["all of IPv6", RANGES6, [start("::")], ["::/0"]],
  ["half of IPv6, and an address of the other", RANGES6, [
    start("::"),
    end("8000::"),
    start("8000::a"),
    end("8000::b"),
  ], ["::/1", "8000::a"]],
  ["an end whose predecessor borrows from many bytes", RANGES6, [
    start("2001:db8::"),
    end("2001:db9::"),
  ], [
    "2001:db8::/32",
  ]],
];

for (const [name, set, elements, expected] of BOUNDARIES) {
  Deno.test(`intervals by boundaries: ${name}: ${expected.join(", ")}`, () => {
    assert.deepEqual(keys(set, ...elements), expected);
    assert.deepEqual(keys(set, ...elements.toReversed()), expected, "in whatever order");
  });
}

const VIPS = setOf(typeOf("ipv4", "proto", "port"), { ...MAP, flags: INTERVAL | CONCAT | 8 });
const VIPS6 = setOf(typeOf("ipv6", "proto", "port"), { ...MAP, flags: INTERVAL | CONCAT | 8 });
const QUOTED = setOf(typeOf("integer", "integer", "integer"), {
  ...MAP,
  flags: INTERVAL | CONCAT | 8,
  key_bytes: 12,
});

const CONCATENATIONS: readonly (readonly [ListedSet, Uint8Array, Uint8Array, string])[] = [
  [
    QUOTED,
    bytes("203.0.113.0", 6, 0, 0, 0, 0, 80, 0, 0),
    bytes("203.0.113.255", 6, 0, 0, 0, 0, 80, 0, 0),
    "0xcb007100-0xcb0071ff . 0x06 . 0x0050",
  ],
  [
    VIPS,
    bytes("203.0.113.0", 6, 0, 0, 0, 0, 80, 0, 0),
    bytes("203.0.113.255", 6, 0, 0, 0, 0, 90, 0, 0),
    "203.0.113.0/24 . tcp . 80-90",
  ],
  [
    VIPS,
    bytes("203.0.113.7", 17, 0, 0, 0, 0, 0, 0, 0),
    bytes("203.0.113.7", 17, 0, 0, 0, 255, 255, 0, 0),
    "203.0.113.7 . udp . 0-65535",
  ],
  [
    VIPS6,
    bytes("2001:db8:1::", 6, 0, 0, 0, 0, 80, 0, 0),
    bytes("2001:db8:1::ffff", 6, 0, 0, 0, 0, 80, 0, 0),
    "2001:db8:1::/112 . tcp . 80",
  ],
  [
    VIPS,
    bytes("203.0.113.1", 6, 0, 0, 0, 0, 80, 0, 0),
    bytes("203.0.113.2", 17, 0, 0, 0, 0, 80, 0, 0),
    "203.0.113.1-203.0.113.2 . tcp-udp . 80",
  ],
];

for (const [set, first, last, text] of CONCATENATIONS) {
  Deno.test(`intervals of several parts: ${text}`, () => {
    const data = { verdict: "goto", chain: "s-web4" } as const;
    const one = element(first, { key_end: last, data });
    assert.deepEqual(read(set, one), [[text, "goto s-web4"]]);
  });
}

Deno.test("elements: the rest of all keys is another element than any key", () => {
  const one = { ...ALL, data: { verdict: "drop" } } as const;
  assert.deepEqual(read(setOf(TYPES.ipv4, MAP), one), [["*", "drop"]]);
});

Deno.test("elements of a set of a kind that lb never makes are not read", () => {
  assert.equal(elementReader(setOf(41)), undefined, "an interface's name");
  assert.equal(elementReader(setOf(41 * 64 + TYPES.ipv4)), undefined, "as a part");
  assert.equal(elementReader(setOf(41, { flags: INTERVAL })), undefined, "of intervals");
});
