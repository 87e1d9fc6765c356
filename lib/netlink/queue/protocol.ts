/** Numbers of linux/netfilter/nfnetlink_queue.h, and of linux/netfilter.h where they are verdicts. */
import { nfnetlinkType } from "../nfnetlink.ts";

const NFNL_SUBSYS_QUEUE = 3;

export const NFQNL_MSG_PACKET = nfnetlinkType(NFNL_SUBSYS_QUEUE, 0);
export const NFQNL_MSG_VERDICT = nfnetlinkType(NFNL_SUBSYS_QUEUE, 1);
export const NFQNL_MSG_CONFIG = nfnetlinkType(NFNL_SUBSYS_QUEUE, 2);
/** One verdict for all packets up to an id (linux 3.1). */
export const NFQNL_MSG_VERDICT_BATCH = nfnetlinkType(NFNL_SUBSYS_QUEUE, 3);

export const NFQA_PACKET_HDR = 1;
export const NFQA_VERDICT_HDR = 2;
export const NFQA_MARK = 3;
export const NFQA_IFINDEX_INDEV = 5;
export const NFQA_PAYLOAD = 10;
export const NFQA_CAP_LEN = 13;
export const NFQA_SKB_INFO = 14;

export const NFQA_CFG_CMD = 1;
export const NFQA_CFG_PARAMS = 2;
export const NFQA_CFG_QUEUE_MAXLEN = 3;
export const NFQA_CFG_MASK = 4;
export const NFQA_CFG_FLAGS = 5;

export const NFQNL_CFG_CMD_BIND = 1;
export const NFQNL_CFG_CMD_UNBIND = 2;
export const NFQNL_COPY_PACKET = 2;

/** A full queue lets packets pass instead of dropping them (linux 3.6). */
export const NFQA_CFG_F_FAIL_OPEN = 1 << 0;
/** Packets larger than the path's come whole, and no checksum is computed for us (linux 3.10). */
export const NFQA_CFG_F_GSO = 1 << 2;

export const NF_DROP = 0;
export const NF_ACCEPT = 1;
