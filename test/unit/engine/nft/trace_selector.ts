/** Test equipment: what the left side of an nft expression says of a packet. */
import { addressBytes, addressFromBytes, parseAddress } from "../../../../lib/model/address.ts";
import { jhash, reciprocalScale } from "../../../../lib/scheduler/jhash.ts";
import { IPS_DST_NAT, TCP_FLAGS, type Words } from "./trace_words.ts";

/** What a packet carries while it is traced, in nft's own spelling where it has one. */
export interface Flow {
  readonly family: 4 | 6;
  readonly l4proto: string;
  readonly saddr: string;
  readonly sport: number;
  daddr: string;
  dport: number;
  readonly state: "new" | "established" | "invalid";
  readonly direction: "original" | "reply";
  /** `meta priority`, which must be back at "none" when the packet leaves, unless the service sets it. */
  priority: string;
  mark: number;
  dscp: number;
  ct_mark: number;
  dnat: boolean;
  /** Whether it leaves by `lo`, as what the machine sends to an address of its own does. */
  readonly by_lo: boolean;
  masqueraded: boolean;
  readonly counters: string[];
  /** Refused, or closed: nothing counts it any more. */
  ended: boolean;
}

/** What one rule knows beside the packet: the time, and what it remembers of others. */
export interface RuleMemory {
  readonly now_ms: number;
  /** The next of `numgen inc mod M`. */
  inc(modulus: number): number;
  random(modulus: number): number;
  /** Counts this connection, too. @returns how many of those it counted are not ended */
  hold(flow: Flow): number;
}

/** A field of the packet; concatenated fields are text, as element keys are. */
export type Value = string | number;

/** The rule does not match: the next one is asked (NFT_BREAK). */
export class Break extends Error {}

/** Reads a selector and gives its value. @throws {Break} where the packet has no such field */
export function readSelector(words: Words, flow: Flow, memory: RuleMemory): Value {
  if (words.take("numgen")) return readNumgen(words, memory);
  if (words.take("jhash")) return readJhash(words, flow);
  // Without a mask nft would compare single bits.
  if (words.ahead("tcp flags &")) return readTcpFlags(words, flow);
  const fields = readFields(words, flow);
  const value = fields.length === 1 ? fields[0]! : fields.join(" . ");
  return words.take("&") ? masked(value, words) : value;
}

/** `FIELD & MASK`; the mask of an address is spelled as one. */
function masked(value: Value, words: Words): Value {
  if (typeof value === "number") return (value & words.constant()) >>> 0;
  const mask = words.next();
  const [address, bits] = [parseAddress(value), parseAddress(mask)];
  if (!address || address.family !== bits?.family) throw words.unknown(`${value} & ${mask}`);
  const keep = addressBytes(bits);
  return addressFromBytes(addressBytes(address).map((byte, index) => byte & keep[index]!)).text;
}

function readFields(words: Words, flow: Flow): Value[] {
  const fields = [readField(words, flow)];
  while (words.take(".")) fields.push(readField(words, flow));
  return fields;
}

function readField(words: Words, flow: Flow): Value {
  // Routed again once its destination was translated.
  if (words.take("oifname")) return flow.by_lo && !flow.dnat ? '"lo"' : '"eth0"';
  const name = `${words.next()} ${words.next()}`;
  const read = FIELDS[name];
  if (!read) throw words.unknown(name);
  return read(flow);
}

const FIELDS: Readonly<Record<string, (flow: Flow) => Value>> = {
  "ip saddr": (flow) => ofFamily(4, flow).saddr,
  "ip daddr": (flow) => ofFamily(4, flow).daddr,
  "ip6 saddr": (flow) => ofFamily(6, flow).saddr,
  "ip6 daddr": (flow) => ofFamily(6, flow).daddr,
  "th sport": ({ sport }) => sport,
  "th dport": ({ dport }) => dport,
  "meta l4proto": ({ l4proto }) => l4proto,
  "ether type": ({ family }) => family === 4 ? "ip" : "ip6",
  "icmp type": (flow) => ofProtocol("icmp", flow).l4proto,
  "icmpv6 type": (flow) => ofProtocol("icmpv6", flow).l4proto,
  "meta priority": ({ priority }) => priority,
  "meta mark": ({ mark }) => mark,
  "ct state": ({ state }) => state,
  "ct direction": ({ direction }) => direction,
  "ct mark": ({ ct_mark }) => ct_mark,
  "ct status": ({ dnat }) => dnat ? IPS_DST_NAT : 0,
};

/** nft puts a check of `meta nfproto` before what only one family has. */
function ofFamily(family: Flow["family"], flow: Flow): Flow {
  if (flow.family !== family) throw new Break();
  return flow;
}

function readTcpFlags(words: Words, flow: Flow): number {
  words.expect("tcp flags &");
  const { state } = ofProtocol("tcp", flow);
  return (state === "new" ? TCP_FLAGS.syn : TCP_FLAGS.ack) & words.constant();
}

function ofProtocol(protocol: string, flow: Flow): Flow {
  if (flow.l4proto !== protocol) throw new Break();
  return flow;
}

function readNumgen(words: Words, memory: RuleMemory): number {
  const mode = words.take("inc", "random");
  words.expect("mod");
  const modulus = words.constant();
  if (mode) return memory[mode](modulus);
  throw words.unknown("numgen");
}

function readJhash(words: Words, flow: Flow): number {
  const key = Uint8Array.from(readFields(words, flow).flatMap(registerBytes));
  words.expect("mod");
  const modulus = words.constant();
  words.expect("seed");
  return reciprocalScale(jhash(key, words.constant()), modulus);
}

/** A field in nft's registers: network order, filled up with zeros to four bytes. */
function registerBytes(field: Value): number[] {
  if (typeof field === "number") return [field >> 8, field & 0xff, 0, 0];
  const address = parseAddress(field);
  if (!address) throw new SyntaxError(`the tracer cannot hash ${field}`);
  return [...addressBytes(address)];
}
