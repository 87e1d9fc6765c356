import type { Family } from "../../model/address.ts";
import { type AttributeReader, DecodeError, readAttributes } from "../attribute_reader.ts";
import { familyOf } from "../family.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import * as CT from "./protocol.ts";
import { readTuple, type Tuple, type WireTuple } from "./tuple.ts";

/** One conntrack entry. */
export interface ConntrackEntry {
  readonly family: Family;
  /** IANA's number: 6 is tcp, 17 udp, 132 sctp. */
  readonly protocol: number;
  readonly orig: Tuple;
  /** What answers look like: its source is the backend. */
  readonly reply: Tuple;
  readonly mark: number;
  /** IPS_* bits of nf_conntrack_common.h. */
  readonly status: number;
  /** 0 for a flow that a flowtable has taken over. */
  readonly timeout_s: number;
  /** Undefined for other protocols, and for a flow that a flowtable has taken over. */
  readonly tcp_state?: CT.TcpState;
  /** Tells an entry from a later one with the same tuple, but for the rare one at the same place in memory. */
  readonly id: number;
  readonly zone?: number;
}

/** What an entry is known by: enough to delete it. */
export type EntryKey = Pick<ConntrackEntry, "family" | "protocol" | "orig" | "id" | "zone">;

/** Reads the body of a message that describes an entry. @throws {DecodeError} */
export function readEntry(body: DataView): ConntrackEntry {
  let orig: WireTuple | undefined;
  let reply: WireTuple | undefined;
  const values: { -readonly [Key in keyof Values]: Values[Key] } = {
    mark: 0,
    status: 0,
    timeout_s: 0,
    id: 0,
  };
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type === CT.CTA_TUPLE_ORIG) orig = readTuple(attribute);
    else if (attribute.type === CT.CTA_TUPLE_REPLY) reply = readTuple(attribute);
    else if (attribute.type === CT.CTA_STATUS) values.status = attribute.u32be();
    else if (attribute.type === CT.CTA_PROTOINFO) values.tcp_state = readTcpState(attribute);
    else if (attribute.type === CT.CTA_TIMEOUT) values.timeout_s = attribute.u32be();
    else if (attribute.type === CT.CTA_MARK) values.mark = attribute.u32be();
    else if (attribute.type === CT.CTA_ID) values.id = attribute.u32be();
    else if (attribute.type === CT.CTA_ZONE) values.zone = attribute.u16be();
  });
  if (!orig || !reply) throw new DecodeError("a conntrack entry without both its tuples");
  return {
    family: familyOf(body),
    protocol: orig.protocol,
    orig: orig.tuple,
    reply: reply.tuple,
    ...values,
  };
}

type Values = Omit<ConntrackEntry, "family" | "protocol" | "orig" | "reply">;

/** Reads a CTA_PROTOINFO; undefined where it is not TCP's, or the state is newer than we are. */
export function readTcpState(protoinfo: AttributeReader): CT.TcpState | undefined {
  let state: CT.TcpState | undefined;
  protoinfo.nested((protocol) => {
    if (protocol.type !== CT.CTA_PROTOINFO_TCP) return;
    protocol.nested((field) => {
      if (field.type === CT.CTA_PROTOINFO_TCP_STATE) state = CT.TCP_STATES[field.u8()];
    });
  });
  return state;
}
