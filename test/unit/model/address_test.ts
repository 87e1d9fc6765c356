import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addressBytes,
  addressFromBytes,
  contains,
  formatEndpoint,
  formatPrefix,
  fullLength,
  isSingle,
  networkOf,
  parseAddress,
  parsePrefix,
} from "../../../lib/model/address.ts";

const GOOD: readonly (readonly [string, string])[] = [
  ["192.0.2.1", "192.0.2.1"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
  ["2001:db8::0001", "2001:db8::1"],
  ["::", "::"],
  ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
];

for (const [text, canonical] of GOOD) {
  Deno.test(`parseAddress: ${text} is ${canonical}`, () => {
    assert.equal(parseAddress(text)?.text, canonical);
    assert.equal(parsePrefix(text)?.text, canonical);
  });
}

const BAD = [
  "",
  " 192.0.2.1",
  "192.0.2",
  "192.0.2.256",
  "0x7f.0.0.1",
  "192.0.2.01",
  "3221225985",
  "192.0.2.1.5",
  "::1%lo",
  "2001:db8:::1",
  "2001:db8::12345",
  "[::1]",
  "example.com",
];

for (const text of BAD) {
  Deno.test(`parseAddress: "${text}" is none`, () => assert.equal(parseAddress(text), undefined));
}

for (
  const text of [
    "192.0.2.1/24",
    "192.0.2.0/33",
    "192.0.2.0/",
    "192.0.2.0/-1",
    "192.0.2.0/24/8",
    "2001:db8::1/64",
    "::/129",
    "192.0.2.0/ 24",
  ]
) {
  Deno.test(`parsePrefix: "${text}" is none`, () => assert.equal(parsePrefix(text), undefined));
}

Deno.test("parsePrefix: the length decides whether it is one address", () => {
  const rows = [["192.0.2.0/24", false], ["192.0.2.1/32", true], ["192.0.2.1", true], [
    "::/0",
    false,
  ], ["2001:db8::1/128", true]] as const;
  for (const [text, single] of rows) assert.equal(isSingle(parsePrefix(text)!), single, text);
});

const bytes = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }),
  fc.uint8Array({ minLength: 16, maxLength: 16 }),
);

Deno.test("addresses: bytes and text tell the same, and equal addresses are equal texts", () => {
  fc.assert(fc.property(bytes, (raw) => {
    const address = addressFromBytes(raw);
    assert.deepEqual(addressBytes(address), Uint8Array.from(raw));
    assert.equal(address.family, raw.length === 4 ? 4 : 6);
    assert.deepEqual(parseAddress(address.text), address);
  }));
});

Deno.test("addressFromBytes: no other length is an address", () => {
  for (const length of [0, 3, 5, 15, 17]) {
    assert.throws(() => addressFromBytes(new Uint8Array(length)), RangeError);
  }
});

function asNumber(raw: Uint8Array): bigint {
  return raw.reduce((value, byte) => value << 8n | BigInt(byte), 0n);
}

Deno.test("contains: exactly the addresses whose leading bits are the prefix's", () => {
  fc.assert(
    fc.property(bytes, bytes, fc.nat({ max: 128 }), fc.boolean(), (raw, other, bits, near) => {
      const length = bits % (raw.length * 8 + 1);
      const shift = BigInt(raw.length * 8 - length);
      const network = asNumber(raw) >> shift << shift;
      const hex = network.toString(16).padStart(raw.length * 2, "0");
      const start = addressFromBytes(
        Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16)),
      );
      const prefix = parsePrefix(`${start.text}/${length}`);
      assert.ok(prefix, "host bits are zero");
      const asked = near ? raw : other;
      const inside = asked.length === raw.length && asNumber(asked) >> shift === network >> shift;
      assert.equal(contains(prefix, addressFromBytes(asked)), inside);
      assert.equal(formatPrefix(prefix), isSingle(prefix) ? start.text : `${start.text}/${length}`);
    }),
  );
});

Deno.test("contains: a prefix holds narrower ones and itself, not wider ones", () => {
  const [wide, narrow] = ["192.0.2.0/24", "192.0.2.128/25"].map((text) => parsePrefix(text)!);
  assert.ok(contains(wide!, narrow!) && contains(wide!, wide!));
  assert.ok(!contains(narrow!, wide!));
});

Deno.test("formatEndpoint: brackets where a port follows an IPv6 address", () => {
  const [v4, v6] = ["192.0.2.1", "2001:db8::1"].map((text) => parseAddress(text)!);
  assert.deepEqual(
    [formatEndpoint(v4!, 80), formatEndpoint(v4!), formatEndpoint(v6!, 80), formatEndpoint(v6!)],
    ["192.0.2.1:80", "192.0.2.1", "[2001:db8::1]:80", "2001:db8::1"],
  );
});

Deno.test("addresses: a network holds its address at every length, and has no bits behind it", () => {
  for (const text of ["203.0.113.255", "2001:db8:ffff::ffff"]) {
    const address = parseAddress(text)!;
    for (let length = 0; length <= fullLength(address.family); length++) {
      const network = networkOf(address, length);
      assert.ok(contains(network, address), `${text}/${length}`);
      assert.deepEqual(parsePrefix(`${network.text}/${length}`), network);
    }
  }
});
