import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, addressFromBytes, parseAddress } from "../../../lib/model/address.ts";
import type { Headers } from "../../../lib/packet/headers.ts";
import { newPacket, parsePacket } from "../../../lib/packet/packet.ts";
import { type Extension, icmp, ipPacket, type Parts, sctp, tcp, udp } from "./packets.ts";

const RUNS = { numRuns: 2_000 };

const TCP = 6;
const UDP = 17;
const SCTP = 132;
const ICMP = { 4: 1, 6: 58 } as const;
const UNREACHABLE = { 4: 3, 6: 1 } as const;
const SYN = 2;

const V4 = parseAddress("192.0.2.1")!;
const V6 = parseAddress("2001:db8:c::1")!;
const VIP4 = parseAddress("203.0.113.1")!;
const VIP6 = parseAddress("2001:db8:1::1")!;

const SYN_TO_VIP4 = { source: V4, destination: VIP4, protocol: TCP, payload: tcp(1, 2, SYN) };
const GRE_WITH_OPTIONS = ipPacket({
  ...{ source: V4, destination: VIP4, protocol: 47, payload: [] },
  options: new Uint8Array(40),
});
const SYN_TO_VIP6 = { ...SYN_TO_VIP4, source: V6, destination: VIP6 };

const port = fc.nat(65_535);
const transport = fc.oneof(
  fc.record({
    protocol: fc.constant(TCP),
    sport: port,
    dport: port,
    flags: fc.nat(255),
    words: fc.nat(10),
  }),
  fc.record({ protocol: fc.constantFrom(UDP, SCTP), sport: port, dport: port }),
);
type Transport = { protocol: number; sport: number; dport: number; flags?: number; words?: number };

const extension: fc.Arbitrary<Extension> = fc.record({
  kind: fc.constantFrom(0, 43, 44, 51, 60),
  more: fc.nat(3),
});

const ends = fc.constantFrom(4 as const, 6 as const).chain((family) => {
  const one = fc.uint8Array({ minLength: family === 4 ? 4 : 16, maxLength: family === 4 ? 4 : 16 });
  return fc.record({ source: one.map(addressFromBytes), destination: one.map(addressFromBytes) });
});

/** Any packet that says what flow it is of. */
const flow = fc.record({
  ends,
  transport,
  options: fc.nat(10),
  extensions: fc.array(extension, { maxLength: 5 }),
}).map(({ ends, transport, options, extensions }) => {
  const parts: Parts = {
    ...ends,
    protocol: transport.protocol,
    payload: payloadOf(transport),
    options: new Uint8Array(options * 4).fill(1),
    extensions,
  };
  return { ...parts, transport };
});

function payloadOf({ protocol, sport, dport, flags = 0, words = 0 }: Transport): Uint8Array {
  if (protocol === TCP) return tcp(sport, dport, flags, words);
  return protocol === UDP ? udp(sport, dport) : sctp(sport, dport);
}

Deno.test("of every flow the addresses, the protocol, the ports and the flags of tcp are read", () => {
  fc.assert(
    fc.property(flow, (parts) => {
      const packet = ipPacket(parts);
      const { kind, headers } = parse(packet);
      const { flags = 0 } = parts.transport as Transport;
      assert.equal(kind, "flow");
      assert.deepEqual(headers, { ...expected(parts), tcp_flags: flags });
    }),
    RUNS,
  );
});

Deno.test("where a packet lies, and what lies around it, makes no difference", () => {
  fc.assert(
    fc.property(flow, fc.nat(9), fc.nat(255), (parts, before, poison) => {
      const packet = ipPacket(parts);
      const among = new Uint8Array(before + packet.length + 64).fill(poison);
      among.set(packet, before);
      assert.deepEqual(parse(among, before, before + packet.length), parse(packet));
    }),
    RUNS,
  );
});

Deno.test("a packet that is cut off anywhere says the same of its flow, or that it is truncated", () => {
  fc.assert(
    fc.property(flow, fc.nat(), (parts, cut) => {
      const packet = ipPacket(parts);
      const whole = parse(packet);
      // The rest lies behind it still, where nobody may look.
      const part = parse(packet, 0, cut % packet.length);
      if (part.kind === "flow") assert.deepEqual(part.headers, whole.headers);
      else assert.equal(part.kind, "truncated");
      const needed = packet.length - parts.payload.length + headerBytes(parts.protocol);
      assert.equal(part.kind === "flow", cut % packet.length >= needed);
    }),
    RUNS,
  );
});

Deno.test("an ICMP error is about the flow that it quotes, with as little as the ports of it", () => {
  fc.assert(
    fc.property(flow, fc.nat(), (parts, more) => {
      const { family } = parts.source;
      const inner = ipPacket(parts);
      const least = inner.length - parts.payload.length + 4;
      const quoted = inner.subarray(0, least + more % (inner.length - least + 1));
      const packet = ipPacket({
        source: parts.destination,
        destination: parts.source,
        protocol: ICMP[family],
        payload: icmp(UNREACHABLE[family], quoted),
      });
      const { kind, quoted: found } = parse(packet);
      assert.equal(kind, "icmp_error");
      assert.deepEqual(found, { ...expected(parts), tcp_flags: 0 });
      const cut = packet.length - quoted.length + least - 1;
      assert.equal(parse(packet, 0, cut).kind, "truncated");
    }),
    RUNS,
  );
});

Deno.test("only those ICMP messages are errors that conntrack relates to a flow", () => {
  const errors = ([family, from, to]: readonly [4 | 6, Address, Address]) =>
    Array.from({ length: 256 }, (_, type) => type).filter((type) => {
      const inner = ipPacket({ source: to, destination: from, protocol: UDP, payload: udp(1, 2) });
      const packet = ipPacket({
        source: from,
        destination: to,
        protocol: ICMP[family],
        payload: icmp(type, inner),
      });
      return parse(packet).kind === "icmp_error";
    });
  assert.deepEqual(errors([4, V4, VIP4]), [3, 4, 5, 11, 12]);
  assert.deepEqual(errors([6, V6, VIP6]), Array.from({ length: 128 }, (_, type) => type));
});

Deno.test("a later fragment has no ports, whatever stands where they would be", () => {
  const v4 = parse(ipPacket({ ...SYN_TO_VIP4, fragment: 1 }));
  assert.equal(v4.kind, "fragment");
  const v6 = parse(v6Packet([{ kind: 44, more: 0, fragment: 1 << 3 }]));
  assert.equal(v6.kind, "fragment");
  for (const { headers } of [v4, v6]) assert.equal(headers?.protocol, TCP);
});

Deno.test("the first fragment has ports", () => {
  const MORE_FRAGMENTS = 0x2000;
  const packets = [
    ipPacket({ ...SYN_TO_VIP4, fragment: MORE_FRAGMENTS }),
    v6Packet([{ kind: 44, more: 0, fragment: 1 }]),
  ];
  for (const packet of packets) {
    const { kind, headers } = parse(packet);
    assert.deepEqual([kind, headers?.sport, headers?.dport], ["flow", 1, 2]);
  }
});

Deno.test("ports of a packet are not left from the one before", () => {
  const packet = newPacket();
  const read = (bytes: Uint8Array) =>
    parsePacket(new DataView(bytes.buffer), 0, bytes.length, packet);
  assert.equal(read(ipPacket(SYN_TO_VIP4)), "flow");
  assert.equal(read(ipPacket({ ...SYN_TO_VIP4, protocol: 1, payload: icmp(8) })), "flow");
  const { source_port, destination_port, tcp_flags } = packet;
  assert.deepEqual([source_port, destination_port, tcp_flags], [0, 0, 0]);
});

Deno.test("whatever is read, headers of a flow lie inside of its bytes", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(flow, fc.array(fc.tuple(fc.nat(60), fc.nat(255)), { maxLength: 4 })).map(
      ([parts, changes]) => {
        const packet = ipPacket(parts);
        for (const [at, value] of changes) packet[at % packet.length] = value;
        return packet;
      },
    ),
  );
  fc.assert(
    fc.property(bytes, fc.nat(9), (bytes, before) => {
      const among = new Uint8Array(before + bytes.length + 64).fill(0x45);
      among.set(bytes, before);
      const [end, packet] = [before + bytes.length, newPacket()];
      const kind = parsePacket(new DataView(among.buffer), before, end, packet);
      assert.deepEqual({ ...parse(bytes) }, { ...parse(among, before, end) });
      if (kind === "truncated" || kind === "malformed" || kind === "fragment") return;
      for (const headers of kind === "icmp_error" ? [packet, packet.quoted] : [packet]) {
        const { source_at, destination_at, transport_at, end_at, family } = headers;
        assert.ok(before <= source_at && source_at < destination_at);
        assert.ok(destination_at + (family === 4 ? 4 : 16) <= transport_at);
        assert.ok(transport_at <= end_at && end_at <= end);
      }
    }),
    { numRuns: 20_000 },
  );
});

/** Rows of: what is wrong, a packet that has it, what comes of it. */
const HOSTILE: readonly (readonly [string, Uint8Array, string])[] = [
  ["nothing", new Uint8Array(), "truncated"],
  ["IP version 5", changed(0, 0x55), "malformed"],
  ["a header of four words", changed(0, 0x44), "malformed"],
  ["a header longer than the packet", changed(0, 0x4f), "malformed"],
  ["a packet that ends in its options", GRE_WITH_OPTIONS.subarray(0, 30), "truncated"],
  ["a packet shorter than its header", changed(3, 19), "malformed"],
  ["a packet that ends in its ports", changed(3, 22), "truncated"],
  ["a tcp header of four words", changed(20 + 12, 0x40), "malformed"],
  ["ICMPv6 in IPv4", changed(9, 58), "malformed"],
  ["an error that quotes nothing", quoting(new Uint8Array()), "truncated"],
  ["an error about the other IP version", quoting(v6Packet([])), "malformed"],
  [
    "an error about a later fragment",
    quoting(ipPacket({ ...SYN_TO_VIP4, fragment: 1 })),
    "malformed",
  ],
  [
    "an extension header that reaches beyond the packet",
    v6Packet([{ kind: 60, more: 0 }]).with(41, 255),
    "truncated",
  ],
  ["extension headers without end", v6Packet([{ kind: 0, more: 0 }]).fill(0, 40), "truncated"],
];

for (const [what, packet, kind] of HOSTILE) {
  Deno.test(`${what} is ${kind}`, () => assert.equal(parse(packet).kind, kind));
}

Deno.test("what segments were put together to has no length of its own, and is read to its end", () => {
  assert.equal(parse(changed(3, 0)).kind, "flow");
  assert.equal(parse(v6Packet([]).fill(0, 4, 6)).kind, "flow");
});

Deno.test("of a protocol without ports there are none", () => {
  const GRE = 47;
  for (const protocol of [GRE, 1]) {
    const { kind, headers } = parse(
      ipPacket({ source: V4, destination: VIP4, protocol, payload: icmp(8, [1, 2, 3]) }),
    );
    assert.equal(kind, "flow");
    assert.deepEqual([headers?.sport, headers?.dport], [0, 0]);
  }
});

/** A SYN to {@linkcode VIP4}, but for one byte. */
function changed(at: number, value: number): Uint8Array<ArrayBuffer> {
  return ipPacket(SYN_TO_VIP4).with(at, value);
}

function v6Packet(extensions: readonly Extension[]): Uint8Array<ArrayBuffer> {
  return ipPacket({ ...SYN_TO_VIP6, extensions });
}

/** An ICMP error of IPv4 about anything. */
function quoting(quoted: Uint8Array): Uint8Array {
  return ipPacket({ source: V4, destination: VIP4, protocol: ICMP[4], payload: icmp(3, quoted) });
}

/** How many bytes of its header a packet takes to be of a flow. */
function headerBytes(protocol: number): number {
  return { [TCP]: 20, [UDP]: 8, [SCTP]: 12 }[protocol]!;
}

function expected({ source, destination, protocol, transport }: Parts & { transport: Transport }) {
  const { sport, dport } = transport;
  return { source: source.text, destination: destination.text, protocol, sport, dport };
}

/** What the parser makes of it, addresses in words. */
function parse(bytes: Uint8Array, start = 0, end = bytes.length) {
  const packet = newPacket();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = parsePacket(view, start, end, packet);
  const words = (headers: Headers) => {
    const size = headers.family === 4 ? 4 : 16;
    const text = (at: number) =>
      at + size > bytes.length ? "" : addressFromBytes(bytes.subarray(at, at + size)).text;
    return {
      source: text(headers.source_at),
      destination: text(headers.destination_at),
      protocol: headers.protocol,
      sport: headers.source_port,
      dport: headers.destination_port,
      tcp_flags: headers.tcp_flags,
    };
  };
  const quoted = kind === "icmp_error" ? words(packet.quoted) : undefined;
  const isRead = kind === "flow" || kind === "icmp_error" || kind === "fragment";
  return { kind, headers: isRead ? words(packet) : undefined, quoted };
}
