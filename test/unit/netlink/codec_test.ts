import assert from "node:assert/strict";
import fc from "fast-check";
import { readAttributes } from "../../../lib/netlink/attribute_reader.ts";
import {
  DecodeError,
  encodeMessage,
  readEnding,
  readMessages,
} from "../../../lib/netlink/codec.ts";
import * as sample from "./samples.ts";

const NO_HEADER = new Uint8Array();

Deno.test("a message is header, family header and aligned attributes", () => {
  const message = encodeMessage({
    type: 0x0a10,
    flags: 0x305,
    sequence: 7,
    header: Uint8Array.of(2, 0, 0, 0),
    attributes: (writer) =>
      writer.u8(1, 0xab).u16be(2, 0x0102).u32(3, 0x01020304).nested(
        4,
        (inside) => inside.u32be(5, 0x01020304).bytes(6, Uint8Array.of(9)),
      ),
  });
  assert.deepEqual(
    message,
    sample.bytes(`
      40000000 100a 0503 07000000 00000000  # 64 bytes, type, flags, sequence, port 0: the kernel
      02000000                              # family header
      0500 0100 ab 000000                   # u8: the length leaves out the padding
      0600 0200 0102 0000                   # u16, network order
      0800 0300 04030201                    # u32, host order
      1400 0480                             # nested, NLA_F_NESTED
      0800 0500 01020304                    #   u32, network order
      0500 0600 09 000000                   #   bytes
    `),
  );
});

Deno.test("what was written is read", () => {
  const leaf = fc.record({ type: fc.nat(0x3fff), value: fc.uint8Array() }, {
    noNullPrototype: true,
  });
  fc.assert(fc.property(fc.array(fc.array(leaf)), (groups) => {
    const message = encodeMessage({
      type: 1,
      flags: 0,
      sequence: 1,
      header: NO_HEADER,
      attributes: (writer) =>
        groups.forEach((group, index) =>
          writer.nested(
            index,
            (inside) => group.forEach(({ type, value }) => inside.bytes(type, value)),
          )
        ),
    });
    const read: { type: number; value: Uint8Array }[][] = [];
    readAttributes(bodyOf(message), 0, (attribute) => {
      const group: typeof read[number] = [];
      attribute.nested((inside) => group.push({ type: inside.type, value: inside.bytes() }));
      assert.equal(attribute.type, read.push(group) - 1);
    });
    assert.deepEqual(read, groups);
  }));
});

Deno.test("a value that does not fit is refused when the message is finished", () => {
  const encode = (write: NonNullable<Parameters<typeof encodeMessage>[0]["attributes"]>) => () =>
    encodeMessage({ type: 1, flags: 0, sequence: 1, header: NO_HEADER, attributes: write });
  assert.throws(encode((writer) => writer.u8(1, 256).u8(2, 0)), /attribute 1: 256 does not fit/);
  assert.throws(encode((writer) => writer.u32(1, -1)), RangeError);
  assert.throws(encode((writer) => writer.u16be(1, 1.5)), RangeError);
  assert.throws(encode((writer) => writer.bytes(1, new Uint8Array(65_532))), /65536 bytes/);
  assert.doesNotThrow(encode((writer) => writer.bytes(1, new Uint8Array(65_531))));
});

Deno.test("flags in an attribute's type are not part of it", () => {
  const body = viewOf(sample.bytes("0800 05c0 00000001"));
  const types: number[] = [];
  readAttributes(body, 0, ({ type }) => types.push(type));
  assert.deepEqual(types, [5]);
});

Deno.test("a value of the wrong size is an error at the end, and the first one is named", () => {
  const body = viewOf(sample.bytes("0500 0100 ab 000000  0800 0200 00000001"));
  let read = -1;
  const walk = () => readAttributes(body, 0, (attribute) => read = attribute.u32be());
  assert.throws(
    walk,
    (error) =>
      error instanceof DecodeError && /attribute 1 .* 1 bytes instead of 4/.test(error.message),
  );
  assert.equal(read, 0);
});

Deno.test("after a nested walk the outer attribute is as before", () => {
  const body = viewOf(sample.bytes("0c00 0180 0500 0200 01 000000"));
  readAttributes(body, 0, (attribute) => {
    attribute.nested(() => {});
    assert.equal(attribute.type, 1);
    assert.equal(attribute.bytes().length, 8);
  });
});

Deno.test("a datagram holds several messages", () => {
  const messages = readMessages(sample.ADDRESSES);
  assert.deepEqual(messages.map(({ type, body }) => [type, body.byteLength]), [[20, 60], [20, 64]]);
});

Deno.test("lengths that do not fit are decode errors", () => {
  for (
    const bad of [
      "",
      "10000000",
      "0f000000 0200 0000 01000000 00000000",
      "11000000 0200 0000 01000000 00000000",
      "ffffffff 0200 0000 01000000 00000000",
      "10000000 0200 0000 01000000 00000000 10",
    ]
  ) assert.throws(() => readMessages(sample.bytes(bad)), DecodeError, bad);
  for (const bad of ["0300 0100", "0900 0100 00000000", "0000 0000", "0400 0100 0000", "04"]) {
    assert.throws(() => readAttributes(viewOf(sample.bytes(bad)), 0, () => {}), DecodeError, bad);
  }
});

Deno.test("an ending has the errno's name and the kernel's words", () => {
  const ending = (bytes: Uint8Array) => readEnding(firstOf(bytes));
  const refused = { errno: "EEXIST", text: "ipv4: Address already assigned" };
  assert.deepEqual(ending(sample.ACK), { errno: undefined });
  assert.deepEqual(ending(sample.DONE), { errno: undefined });
  assert.deepEqual(ending(sample.REFUSED_DELETE), { errno: "ENOENT" });
  assert.deepEqual(ending(sample.REFUSED_ADDRESS), refused);
  assert.deepEqual(ending(sample.REFUSED_ADDRESS_CAPPED), refused);
});

Deno.test("the end of a dump can carry an error with words", () => {
  const failed = sample.bytes(`
    1c000000 0300 0202 01000000 00000000  # NLMSG_DONE, NLM_F_MULTI, NLM_F_ACK_TLVS
    a1ffffff                              # -95, EOPNOTSUPP
    0700 0100 6e6f00 00                   # NLMSGERR_ATTR_MSG "no"
  `);
  assert.deepEqual(readEnding(firstOf(failed)), { errno: "EOPNOTSUPP", text: "no" });
});

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function firstOf(bytes: Uint8Array) {
  const [first] = readMessages(bytes);
  assert.ok(first);
  return first;
}

function bodyOf(bytes: Uint8Array): DataView {
  return firstOf(bytes).body;
}
