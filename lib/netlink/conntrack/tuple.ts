import { addressBytes, addressFromBytes, type Family } from "../../model/address.ts";
import type { AttributeReader } from "../attribute_reader.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import * as CT from "./protocol.ts";

/** One direction of a flow. Addresses are canonical text, as `Address` has them. */
export interface Tuple {
  readonly src: string;
  readonly dst: string;
  /** 0 for protocols without ports. */
  readonly sport: number;
  readonly dport: number;
  /** Set where the zone holds for this direction only. */
  readonly zone?: number;
}

/** What a message's tuple holds: each names its protocol. */
export interface WireTuple {
  readonly protocol: number;
  readonly tuple: Tuple;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** Reads a CTA_TUPLE_*. */
export function readTuple(attribute: AttributeReader): WireTuple {
  const tuple: Mutable<Tuple> = { src: "", dst: "", sport: 0, dport: 0 };
  let protocol = 0;
  attribute.nested((part) => {
    if (part.type === CT.CTA_TUPLE_IP) part.nested((field) => readAddress(field, tuple));
    else if (part.type === CT.CTA_TUPLE_ZONE) tuple.zone = part.u16be();
    else if (part.type === CT.CTA_TUPLE_PROTO) {
      part.nested((field) => {
        if (field.type === CT.CTA_PROTO_NUM) protocol = field.u8();
        else readPort(field, tuple);
      });
    }
  });
  return { protocol, tuple };
}

/** Writes the attributes of a CTA_TUPLE_*. */
export function writeTuple(
  writer: AttributeWriter,
  family: Family,
  { protocol, tuple }: WireTuple,
): void {
  const [src, dst] = family === 4
    ? [CT.CTA_IP_V4_SRC, CT.CTA_IP_V4_DST]
    : [CT.CTA_IP_V6_SRC, CT.CTA_IP_V6_DST];
  writer.nested(CT.CTA_TUPLE_IP, (ip) => {
    ip.bytes(src, addressBytes({ family, text: tuple.src }));
    ip.bytes(dst, addressBytes({ family, text: tuple.dst }));
  });
  writer.nested(CT.CTA_TUPLE_PROTO, (proto) => {
    proto.u8(CT.CTA_PROTO_NUM, protocol);
    proto.u16be(CT.CTA_PROTO_SRC_PORT, tuple.sport);
    proto.u16be(CT.CTA_PROTO_DST_PORT, tuple.dport);
  });
  if (tuple.zone !== undefined) writer.u16be(CT.CTA_TUPLE_ZONE, tuple.zone);
}

function readAddress(field: AttributeReader, tuple: Mutable<Tuple>): void {
  if (field.type === CT.CTA_IP_V4_SRC) tuple.src = ipv4Text(field.u32be());
  else if (field.type === CT.CTA_IP_V4_DST) tuple.dst = ipv4Text(field.u32be());
  else if (field.type === CT.CTA_IP_V6_SRC) tuple.src = addressFromBytes(field.bytes(16)).text;
  else if (field.type === CT.CTA_IP_V6_DST) tuple.dst = addressFromBytes(field.bytes(16)).text;
}

function readPort(field: AttributeReader, tuple: Mutable<Tuple>): void {
  if (field.type === CT.CTA_PROTO_SRC_PORT) tuple.sport = field.u16be();
  else if (field.type === CT.CTA_PROTO_DST_PORT) tuple.dport = field.u16be();
}

/** What ipaddr.js makes of it, without its intermediate arrays: a dump has four of these per entry. */
function ipv4Text(value: number): string {
  return `${value >>> 24}.${value >>> 16 & 255}.${value >>> 8 & 255}.${value & 255}`;
}
