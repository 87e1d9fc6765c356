/** Netlink messages (struct nlmsghdr), read and written. Pure. */
import { errnoName } from "../model/errno.ts";
import { align, DecodeError, readAttributes } from "./attribute_reader.ts";
import { AttributeWriter } from "./attribute_writer.ts";

export { DecodeError };

/** Flags of a request. */
export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

/** Flags of a reply. The dump met a change and may be inconsistent; the request is cut short; texts follow. */
export const NLM_F_DUMP_INTR = 0x10;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

/** Message types every family shares. */
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

const NLMSGERR_ATTR_MSG = 1;

const HEADER_BYTES = 16;
const CODE_BYTES = 4;

/** One message. `body` is what follows the header, without the padding behind it. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: DataView;
}

/** A message to be sent. `header` is the family's own: nfgenmsg, ifinfomsg, … */
export interface OutgoingMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly header: Uint8Array;
  readonly attributes?: (writer: AttributeWriter) => void;
}

/** What an NLMSG_ERROR or NLMSG_DONE says. */
export interface Ending {
  /** Symbolic name; undefined where all went well. */
  readonly errno?: string;
  /** The kernel's own words, where it has any. */
  readonly text?: string;
}

/** @throws {RangeError} where a value does not fit its attribute */
export function encodeMessage(message: OutgoingMessage): Uint8Array {
  const writer = new AttributeWriter();
  writer.raw(new Uint8Array(HEADER_BYTES)).raw(message.header);
  message.attributes?.(writer);
  const bytes = writer.take();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags, true);
  view.setUint32(8, message.sequence, true);
  return bytes;
}

/** The messages of one datagram, at least one. @throws {DecodeError} */
export function readMessages(datagram: Uint8Array): Message[] {
  const { buffer, byteOffset, byteLength } = datagram;
  const view = new DataView(buffer, byteOffset, byteLength);
  const messages: Message[] = [];
  let at = 0;
  do {
    const length = byteLength - at < HEADER_BYTES ? 0 : view.getUint32(at, true);
    if (length < HEADER_BYTES || length > byteLength - at) {
      throw new DecodeError(`no message of ${length} bytes fits at byte ${at} of ${byteLength}`);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      body: new DataView(buffer, byteOffset + at + HEADER_BYTES, length - HEADER_BYTES),
    });
    at += align(length);
  } while (at < byteLength);
  return messages;
}

/**
 * Reads how a request ended, from NLMSG_ERROR (which is also the acknowledgement) or NLMSG_DONE.
 *
 * @throws {DecodeError}
 */
export function readEnding({ type, flags, body }: Message): Ending {
  if (body.byteLength < CODE_BYTES) throw new DecodeError("an ending without a code");
  const code = body.getInt32(0, true);
  const errno = code === 0 ? undefined : errnoName(Math.abs(code));
  if (!(flags & NLM_F_ACK_TLVS)) return { errno };
  return {
    errno,
    text: readText(body, type === NLMSG_DONE ? CODE_BYTES : endOfRequest(flags, body)),
  };
}

/** An error quotes the request: its header where capped (always so in acknowledgements), or all of it. */
function endOfRequest(flags: number, body: DataView): number {
  if (body.byteLength < CODE_BYTES + HEADER_BYTES) {
    throw new DecodeError("an error without a request");
  }
  const quoted = flags & NLM_F_CAPPED ? HEADER_BYTES : body.getUint32(CODE_BYTES, true);
  return CODE_BYTES + align(Math.min(quoted, body.byteLength));
}

function readText(body: DataView, offset: number): string | undefined {
  let text: string | undefined;
  readAttributes(body, offset, (attribute) => {
    if (attribute.type === NLMSGERR_ATTR_MSG) text = attribute.text();
  });
  return text;
}
