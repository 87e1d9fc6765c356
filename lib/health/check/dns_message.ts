import { type Address, addressFromBytes, type Family } from "../../model/address.ts";
import { concat } from "../../model/bytes.ts";

/** RFC 1035 and RFC 3596. */
const TYPES: Readonly<Record<Family, number>> = { 4: 1, 6: 28 };
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const LABEL_BYTES_MAX = 63;
const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;

/** What a server says to a query. */
export interface DnsAnswer {
  /** RFC 1035's RCODE. */
  readonly code: number;
  /** Records of any type. */
  readonly count: number;
  readonly addresses: readonly Address[];
  /** Whether not all of it fitted in. */
  readonly isCut: boolean;
}

/** A query for the addresses of a name. */
export function dnsQuery(id: number, name: string, family: Family): Uint8Array<ArrayBuffer> {
  const labels = name.split(".").filter((label) => label !== "").map((label) => {
    const bytes = new TextEncoder().encode(label.slice(0, LABEL_BYTES_MAX));
    return [bytes.length, ...bytes];
  });
  const words = [id, RECURSION_DESIRED, 1, 0, 0, 0].flatMap(word);
  return concat(words, ...labels, [0], word(TYPES[family]), word(CLASS_IN));
}

/** What a datagram answers. @returns undefined where it is no answer to the query of this id */
export function readDns(bytes: Uint8Array, id: number): DnsAnswer | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const flags = view.getUint16(2);
  if (view.getUint16(0) !== id || (flags & RESPONSE) === 0) return undefined;
  const shared = { code: flags & 0x0f, isCut: (flags & TRUNCATED) !== 0 };
  try {
    const records = readRecords(view, view.getUint16(4), view.getUint16(6));
    const addresses = records.flatMap((record) => addressOf(bytes, record));
    return { ...shared, count: records.length, addresses };
  } catch (error) {
    // It ends before it should.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

interface DnsRecord {
  readonly type: number;
  readonly at: number;
  readonly length: number;
}

function readRecords(view: DataView, questions: number, answers: number): DnsRecord[] {
  let at = HEADER_BYTES;
  for (let left = questions; left > 0; left--) at = behindName(view, at) + 4;
  return Array.from({ length: answers }, () => {
    const head = behindName(view, at);
    const record = { type: view.getUint16(head), at: head + 10, length: view.getUint16(head + 8) };
    at = record.at + record.length;
    if (at > view.byteLength) throw new RangeError("a record is longer than the message");
    return record;
  });
}

function behindName(view: DataView, start: number): number {
  let at = start;
  for (;;) {
    const length = view.getUint8(at);
    if (length === 0) return at + 1;
    // The rest of the name is elsewhere, and does not matter here.
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
}

function addressOf(bytes: Uint8Array, { type, at, length }: DnsRecord): Address[] {
  const isAddress = type === TYPES[4] && length === 4 || type === TYPES[6] && length === 16;
  return isAddress ? [addressFromBytes(bytes.subarray(at, at + length))] : [];
}

function word(value: number): number[] {
  return [value >>> 8, value & 0xff];
}
