import { align, ATTRIBUTE_HEADER_BYTES, NLA_TYPE_MASK } from "../attribute_reader.ts";
import { NLMSG_ERROR } from "../codec.ts";
import * as Q from "./protocol.ts";

/** struct nlmsghdr, and with struct nfgenmsg behind it. */
const HEADER_BYTES = 16;
const FAMILY_HEADER_BYTES = 20;

/** NLMSG_ERROR: the header, and the code behind it. */
const ERROR_BYTES = 20;

/** struct nfqnl_msg_packet_hdr, packed. */
const PACKET_HDR_BYTES = 7;

/**
 * What a message is. `answer`: an acknowledgement, or that a verdict was refused. `other`: nothing that a queue
 * has to do with, or nothing that can be understood.
 */
export type QueueMessage = "packet" | "answer" | "other";

/** A queued packet; what is said of one holds until the next is read. */
export interface QueuedPacket {
  readonly queue: number;
  /** By which its verdict names it; counts from 1 in each queue, and passes 0 after 2^32. */
  readonly id: number;
  /** NF_INET_*: 0 is prerouting, 3 output. */
  readonly hook: number;
  /** ETH_P_*: 0x0800 is IPv4, 0x86dd IPv6. */
  readonly hw_protocol: number;
  readonly mark: number;
  /** Where it came in; 0 where it was sent from here. */
  readonly ifindex: number;
  /** Where in the bytes its copy begins and ends, from its IP header on. */
  readonly start: number;
  readonly end: number;
  /** Bytes that it has, copied or not. */
  readonly length: number;
  /** NFQA_SKB_*. */
  readonly skb_info: number;
}

/**
 * Reads what comes from a queue: a cursor over the messages of a datagram, which lies anywhere in a buffer that
 * is used again and again. Makes no objects and throws nothing, whatever it reads: a packet without a verdict
 * would take a place of its queue for ever, so of one that is damaged at least the id is looked for.
 */
export class QueueReader implements QueuedPacket {
  readonly #view: DataView;
  #at = 0;
  #end = 0;
  #isNamed = false;

  queue = 0;
  id = 0;
  hook = 0;
  hw_protocol = 0;
  mark = 0;
  ifindex = 0;
  start = 0;
  end = 0;
  length = 0;
  skb_info = 0;
  /** Of an answer: the number of the message it is for, and 0 or an error number. */
  sequence = 0;
  errno = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Goes to the datagram that lies there. @throws {RangeError} where that is outside of the buffer */
  begin(start: number, length: number): void {
    if (start < 0 || length < 0 || start + length > this.#view.byteLength) {
      throw new RangeError(`no datagram lies from ${start} to ${start + length}`);
    }
    this.#at = start;
    this.#end = start + length;
  }

  /** Reads a message. @returns undefined at the end of the datagram */
  next(): QueueMessage | undefined {
    const at = this.#at;
    const left = this.#end - at;
    if (left <= 0) return undefined;
    const claimed = left < HEADER_BYTES ? 0 : this.#view.getUint32(at, true);
    // Where one message ends in the middle of another's bytes, there is no telling where the next begins.
    const isWhole = claimed >= HEADER_BYTES && claimed <= left;
    const end = isWhole ? at + claimed : this.#end;
    this.#at = isWhole ? at + align(claimed) : this.#end;
    return left < HEADER_BYTES ? "other" : this.#read(at, end);
  }

  #read(at: number, end: number): QueueMessage {
    const type = this.#view.getUint16(at + 4, true);
    if (type === Q.NFQNL_MSG_PACKET) return this.#readPacket(at, end);
    return type === NLMSG_ERROR ? this.#readAnswer(at, end) : "other";
  }

  #readAnswer(at: number, end: number): QueueMessage {
    if (end - at < ERROR_BYTES) return "other";
    this.sequence = this.#view.getUint32(at + 8, true);
    this.errno = Math.abs(this.#view.getInt32(at + HEADER_BYTES, true));
    return "answer";
  }

  #readPacket(at: number, end: number): QueueMessage {
    if (end - at < FAMILY_HEADER_BYTES) return "other";
    this.queue = this.#view.getUint16(at + 18);
    this.#isNamed = false;
    this.hook = this.hw_protocol = 0;
    this.mark = this.ifindex = this.skb_info = 0;
    this.start = this.end = this.length = 0;
    this.#readAttributes(at + FAMILY_HEADER_BYTES, end);
    // It is told only of a packet that was not copied whole.
    if (this.length === 0) this.length = this.end - this.start;
    return this.#isNamed ? "packet" : "other";
  }

  /** Up to the first that does not fit. The last has no padding behind it, unlike all others. */
  #readAttributes(start: number, end: number): void {
    for (let at = start; end - at >= ATTRIBUTE_HEADER_BYTES;) {
      const length = this.#view.getUint16(at, true);
      if (length < ATTRIBUTE_HEADER_BYTES || length > end - at) return;
      const type = this.#view.getUint16(at + 2, true) & NLA_TYPE_MASK;
      this.#readAttribute(type, at + ATTRIBUTE_HEADER_BYTES, at + length);
      at += align(length);
    }
  }

  #readAttribute(type: number, at: number, end: number): void {
    if (type === Q.NFQA_PAYLOAD) {
      this.start = at;
      this.end = end;
    } else if (type === Q.NFQA_PACKET_HDR) {
      if (end - at === PACKET_HDR_BYTES) this.#readPacketHeader(at);
    } else if (end - at === 4) {
      this.#readNumber(type, this.#view.getUint32(at));
    }
  }

  #readPacketHeader(at: number): void {
    this.#isNamed = true;
    this.id = this.#view.getUint32(at);
    this.hw_protocol = this.#view.getUint16(at + 4);
    this.hook = this.#view.getUint8(at + 6);
  }

  #readNumber(type: number, value: number): void {
    if (type === Q.NFQA_MARK) this.mark = value;
    else if (type === Q.NFQA_IFINDEX_INDEV) this.ifindex = value;
    else if (type === Q.NFQA_CAP_LEN) this.length = value;
    else if (type === Q.NFQA_SKB_INFO) this.skb_info = value;
  }
}
