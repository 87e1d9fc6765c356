import type { BatchOptions } from "../../sys/ports.ts";
import { align, ATTRIBUTE_HEADER_BYTES, NLA_TYPE_MASK } from "../attribute_reader.ts";
import { NLM_F_CREATE } from "../codec.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import * as CT from "./protocol.ts";

/** struct nlmsghdr. */
const HEADER_BYTES = 16;

/** The types of an attribute and of those that it lies in, a byte for each. Longer types are not known here. */
function pathOf(...types: readonly number[]): number {
  return types.reduce((path, type) => path << 8 | type, 0);
}

const TYPE_MAX = 0xff;

/** Those to look into. */
const ORIG = pathOf(CT.CTA_TUPLE_ORIG);
const ORIG_IP = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_IP);
const ORIG_PROTO = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_PROTO);
const PROTOINFO = pathOf(CT.CTA_PROTOINFO);
const PROTOINFO_TCP = pathOf(CT.CTA_PROTOINFO, CT.CTA_PROTOINFO_TCP);

const SOURCE4 = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_IP, CT.CTA_IP_V4_SRC);
const DESTINATION4 = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_IP, CT.CTA_IP_V4_DST);
const SOURCE6 = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_IP, CT.CTA_IP_V6_SRC);
const DESTINATION6 = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_IP, CT.CTA_IP_V6_DST);
const PROTOCOL = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_PROTO, CT.CTA_PROTO_NUM);
const SOURCE_PORT = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_PROTO, CT.CTA_PROTO_SRC_PORT);
const DESTINATION_PORT = pathOf(CT.CTA_TUPLE_ORIG, CT.CTA_TUPLE_PROTO, CT.CTA_PROTO_DST_PORT);
const TCP_STATE = pathOf(CT.CTA_PROTOINFO, CT.CTA_PROTOINFO_TCP, CT.CTA_PROTOINFO_TCP_STATE);

function isNest(path: number): boolean {
  return path === ORIG || path === ORIG_IP || path === ORIG_PROTO || path === PROTOINFO ||
    path === PROTOINFO_TCP;
}

/** Several times what one has: a few hundred bytes, and the label that a security module may give. */
const EVENT_BYTES_MAX = 1024;

/** More than are there at once as a rule. */
const BATCH = 64;

/**
 * How to listen to what becomes of connections: a socket of NETLINK_NETFILTER with these options is told of each
 * that begins, changes its state or ends, and of losses.
 *
 * @param buffer_bytes what may wait to be read: the kernel counts some 800 bytes for an event
 */
export function eventOptions(timeout_ms: number, buffer_bytes: number): BatchOptions {
  const datagram = { datagrams: BATCH, datagram_bytes: EVENT_BYTES_MAX };
  return { ...datagram, timeout_ms, buffer_bytes, groups: CT.CT_GROUPS };
}

/** What a message tells of an entry. `other`: it is not about one, or cannot be understood. */
export type EventKind = "new" | "update" | "destroy" | "other";

/** What stands in a message about an entry. Addresses stay where they are. */
export interface EntryFields {
  /** IANA's number. */
  readonly protocol: number;
  /** Of the first packet, as its client sent it: where its addresses begin, and how long they are, 4 or 16. */
  readonly address_bytes: number;
  readonly source_at: number;
  readonly destination_at: number;
  readonly source_port: number;
  readonly destination_port: number;
  /** 0 also where it is not told: an entry without one. */
  readonly mark: number;
  readonly id: number;
  /** Undefined where it is not told: another protocol, or a change of something else. */
  readonly tcp_state: CT.TcpState | undefined;
}

/**
 * Reads what conntrack tells of entries, events as well as a dump: a cursor over the messages of a datagram. Makes
 * no objects and throws nothing, whatever it reads, since there are seven events to a short connection.
 */
export class EventReader implements EntryFields {
  view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;
  #end = 0;

  #source_bytes = 0;
  protocol = 0;
  address_bytes = 0;
  source_at = 0;
  destination_at = 0;
  source_port = 0;
  destination_port = 0;
  mark = 0;
  id = 0;
  tcp_state: CT.TcpState | undefined;

  /** Goes to the datagram that lies there. @throws {RangeError} where that is outside of the view */
  begin(view: DataView, start: number, length: number): void {
    if (start < 0 || length < 0 || start + length > view.byteLength) {
      throw new RangeError(`no datagram lies from ${start} to ${start + length}`);
    }
    this.view = view;
    this.#at = start;
    this.#end = start + length;
  }

  /** Reads a message. @returns undefined at the end of the datagram */
  next(): EventKind | undefined {
    const at = this.#at;
    const left = this.#end - at;
    if (left <= 0) return undefined;
    const length = left < HEADER_BYTES ? 0 : this.view.getUint32(at, true);
    // Where one message ends in the middle of another's bytes, there is no telling where the next begins.
    if (length < HEADER_BYTES || length > left) {
      this.#at = this.#end;
      return "other";
    }
    this.#at = at + align(length);
    return this.#readMessage(at, at + length);
  }

  /** Reads the body of a message about an entry, from its family's header on. @returns whether it was one */
  read(body: DataView): boolean {
    this.view = body;
    return this.#readEntry(0, body.byteLength);
  }

  #readMessage(at: number, end: number): EventKind {
    const type = this.view.getUint16(at + 4, true);
    if (type !== CT.CT_NEW && type !== CT.CT_DELETE) return "other";
    if (!this.#readEntry(at + HEADER_BYTES, end)) return "other";
    if (type === CT.CT_DELETE) return "destroy";
    return this.view.getUint16(at + 6, true) & NLM_F_CREATE ? "new" : "update";
  }

  #readEntry(at: number, end: number): boolean {
    this.protocol = this.mark = this.id = 0;
    this.source_port = this.destination_port = 0;
    this.#source_bytes = this.address_bytes = 0;
    this.tcp_state = undefined;
    const isWhole = this.#walk(at + NFGENMSG_BYTES, end, 0);
    return isWhole && this.address_bytes !== 0 && this.address_bytes === this.#source_bytes;
  }

  /** @returns whether there are attributes and nothing else */
  #walk(start: number, end: number, path: number): boolean {
    if (start > end) return false;
    for (let at = start; at < end;) {
      const length = end - at < ATTRIBUTE_HEADER_BYTES ? 0 : this.view.getUint16(at, true);
      if (length < ATTRIBUTE_HEADER_BYTES || length > end - at) return false;
      const type = this.view.getUint16(at + 2, true) & NLA_TYPE_MASK;
      const next = at + align(length);
      if (
        type <= TYPE_MAX && !this.#visit(path << 8 | type, at + ATTRIBUTE_HEADER_BYTES, at + length)
      ) {
        return false;
      }
      at = next;
    }
    return true;
  }

  #visit(path: number, at: number, end: number): boolean {
    if (isNest(path)) return this.#walk(at, end, path);
    const size = end - at;
    if (size === 4) this.#readWord(path, at);
    else if (size === 2) this.#readPort(path, this.view.getUint16(at));
    else if (size === 1) this.#readByte(path, this.view.getUint8(at));
    else if (size === 16) this.#readAddress(path === SOURCE6, path === DESTINATION6, at, size);
    return true;
  }

  #readWord(path: number, at: number): void {
    if (path === CT.CTA_MARK) this.mark = this.view.getUint32(at);
    else if (path === CT.CTA_ID) this.id = this.view.getUint32(at);
    else this.#readAddress(path === SOURCE4, path === DESTINATION4, at, 4);
  }

  #readAddress(isSource: boolean, isDestination: boolean, at: number, size: number): void {
    if (isSource) {
      this.source_at = at;
      this.#source_bytes = size;
    } else if (isDestination) {
      this.destination_at = at;
      this.address_bytes = size;
    }
  }

  #readPort(path: number, value: number): void {
    if (path === SOURCE_PORT) this.source_port = value;
    else if (path === DESTINATION_PORT) this.destination_port = value;
  }

  #readByte(path: number, value: number): void {
    if (path === PROTOCOL) this.protocol = value;
    else if (path === TCP_STATE) this.tcp_state = CT.TCP_STATES[value];
  }
}
