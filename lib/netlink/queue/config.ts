import { nfgenmsg } from "../nfnetlink.ts";
import type { Request } from "../request.ts";
import * as Q from "./protocol.ts";

/** How a queue is listened to. */
export interface QueueConfig {
  /** Its number, 0–65535. */
  readonly queue: number;
  /** How much is copied of each packet. @default 128, in which the headers are that lb looks at */
  readonly copy_bytes?: number;
  /** How many packets may wait for their verdict. */
  readonly length_max: number;
  /** NFQA_CFG_F_*. @default those by which a full queue loses nothing and a large packet costs little */
  readonly flags?: number;
}

/** Room for IPv6, TCP with all its options, and 28 bytes of extension headers. */
export const COPY_BYTES = 128;

const FLAGS = Q.NFQA_CFG_F_FAIL_OPEN | Q.NFQA_CFG_F_GSO;

/**
 * Binds a queue to the socket that sends it, with all that is said of it in one message: a queue that is bound
 * and has no copy mode yet drops its packets (nfqnl_enqueue_packet(), linux 6.18).
 */
export function bindRequest(
  { queue, copy_bytes = COPY_BYTES, length_max, flags = FLAGS }: QueueConfig,
): Request {
  return {
    operation: "listen to",
    object: `netfilter queue ${queue}`,
    type: Q.NFQNL_MSG_CONFIG,
    header: nfgenmsg(undefined, queue),
    attributes(writer) {
      // struct nfqnl_msg_config_cmd, whose protocol family is passed over since linux 3.8.
      writer.bytes(Q.NFQA_CFG_CMD, Uint8Array.of(Q.NFQNL_CFG_CMD_BIND, 0, 0, 0));
      writer.bytes(Q.NFQA_CFG_PARAMS, copyParams(copy_bytes));
      writer.u32be(Q.NFQA_CFG_QUEUE_MAXLEN, length_max);
      writer.u32be(Q.NFQA_CFG_MASK, FLAGS | flags);
      writer.u32be(Q.NFQA_CFG_FLAGS, flags);
    },
  };
}

/** struct nfqnl_msg_config_params, packed: a range in network order, and the mode. */
function copyParams(copy_bytes: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(5));
  view.setUint32(0, copy_bytes);
  view.setUint8(4, Q.NFQNL_COPY_PACKET);
  return new Uint8Array(view.buffer);
}
