import { encodeMessage, NLM_F_REQUEST } from "../codec.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import { nfgenmsg } from "../nfnetlink.ts";
import * as Q from "./protocol.ts";

/**
 * Lets packets go on as they are: all that wait with an id up to this one.
 *
 * @param id_max ids count around at 2^32: those up to 2^31 before this one are meant
 */
export function releaseMessage(queue: number, id_max: number): Uint8Array {
  return message(Q.NFQNL_MSG_VERDICT_BATCH, queue, (writer) => {
    const verdict = new DataView(new ArrayBuffer(8));
    verdict.setUint32(0, Q.NF_ACCEPT);
    verdict.setUint32(4, id_max);
    writer.bytes(Q.NFQA_VERDICT_HDR, new Uint8Array(verdict.buffer));
  });
}

/** Lets whatever comes from now on pass by: a queue without room, of which FAIL_OPEN is set, loses nothing. */
export function closeMessage(queue: number): Uint8Array {
  return message(Q.NFQNL_MSG_CONFIG, queue, (writer) => writer.u32be(Q.NFQA_CFG_QUEUE_MAXLEN, 0));
}

/** Gives the queue up. Packets that still wait are dropped. */
export function unbindMessage(queue: number): Uint8Array {
  const command = Uint8Array.of(Q.NFQNL_CFG_CMD_UNBIND, 0, 0, 0);
  return message(Q.NFQNL_MSG_CONFIG, queue, (writer) => writer.bytes(Q.NFQA_CFG_CMD, command));
}

/** Not acknowledged: whoever reads from the socket would have to know whose answer comes. */
function message(
  type: number,
  queue: number,
  attributes: (writer: AttributeWriter) => void,
): Uint8Array {
  const header = nfgenmsg(undefined, queue);
  return encodeMessage({ type, flags: NLM_F_REQUEST, sequence: 0, header, attributes });
}
