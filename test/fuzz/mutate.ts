/** Netlink messages that are nearly right. Pure but for the numbers drawn. */
import type { Random } from "./random.ts";

/** struct nlmsghdr: where a datagram's first family header begins. */
const HEADER_BYTES = 16;

const MUTATIONS_MAX = 4;
const GROWTH_BYTES_MAX = 64;
const DATAGRAM_BYTES_MAX = 4096;

/** Lengths and numbers at which readers go wrong. */
const EDGES_16 = [0, 1, 3, 4, 5, 7, 8, 0x7fff, 0x8000, 0xfffc, 0xffff];
const EDGES_32 = [0, 1, 15, 16, 17, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff];

type Mutation = (bytes: Uint8Array, random: Random, samples: readonly Uint8Array[]) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  flipBit,
  setByte,
  setEdge16,
  setEdge32,
  changeAttribute,
  cut,
  grow,
  repeat,
  remove,
  splice,
  scramble,
];

/** One of the samples, changed in a few places; mostly so that its outer length still fits. */
export function mutated(samples: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes: Uint8Array = random.pick(samples).slice();
  for (let left = 1 + random.below(MUTATIONS_MAX); left > 0; left--) {
    bytes = random.pick(MUTATIONS)(bytes, random, samples);
  }
  bytes = bytes.subarray(0, DATAGRAM_BYTES_MAX);
  // Else nearly all would be refused for their header, and what is inside it never read.
  if (random.below(4) > 0 && bytes.length >= HEADER_BYTES) write32(bytes, 0, bytes.length);
  return bytes;
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at]! ^= 1 << random.below(8);
  return bytes;
}

function setByte(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  if (at < bytes.length) bytes[at] = random.below(256);
  return bytes;
}

/** Where an attribute's length or type may be: netlink aligns on 4 bytes. */
function setEdge16(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length >> 1) << 1;
  const value = random.pick(EDGES_16);
  if (at + 2 <= bytes.length) bytes.set([value & 0xff, value >> 8], at);
  return bytes;
}

function setEdge32(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length >> 2) << 2;
  if (at + 4 <= bytes.length) write32(bytes, at, random.pick(EDGES_32));
  return bytes;
}

/** A little longer or shorter than it is, or of a neighbouring type. */
function changeAttribute(bytes: Uint8Array, random: Random): Uint8Array {
  const at = (random.below(bytes.length >> 2) << 2) + random.pick([0, 2]);
  if (at < bytes.length) bytes[at] = bytes[at]! + random.below(17) - 8;
  return bytes;
}

function cut(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.slice(0, random.below(bytes.length + 1));
}

function grow(bytes: Uint8Array, random: Random): Uint8Array {
  const more = Uint8Array.from({ length: random.below(GROWTH_BYTES_MAX) }, () => random.below(256));
  return joined(bytes, more);
}

/** A piece of it once more: attributes that come twice, lists that are longer than what holds them. */
function repeat(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = piece(bytes, random);
  return joined(bytes.subarray(0, end), bytes.subarray(start));
}

function remove(bytes: Uint8Array, random: Random): Uint8Array {
  const [start, end] = piece(bytes, random);
  return joined(bytes.subarray(0, start), bytes.subarray(end));
}

/** The head of it before the tail of another message. */
function splice(
  bytes: Uint8Array,
  random: Random,
  samples: readonly Uint8Array[],
): Uint8Array {
  const [head] = piece(bytes, random);
  const other = random.pick(samples);
  const [tail] = piece(other, random);
  return joined(bytes.subarray(0, head), other.subarray(tail));
}

/** Nothing but its first header is left. */
function scramble(bytes: Uint8Array, random: Random): Uint8Array {
  return bytes.map((byte, at) => at < HEADER_BYTES ? byte : random.below(256));
}

/** Begin and end of a piece, aligned as attributes are. */
function piece(bytes: Uint8Array, random: Random): [number, number] {
  const start = random.below(bytes.length >> 2) << 2;
  return [start, start + (random.below((bytes.length - start) >> 2) << 2)];
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(head.length + tail.length);
  bytes.set(head);
  bytes.set(tail, head.length);
  return bytes;
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
}
