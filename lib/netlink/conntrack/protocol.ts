/** Numbers of linux/netfilter/nfnetlink_conntrack.h and nf_conntrack_tcp.h. */
import { nfnetlinkType } from "../nfnetlink.ts";

const NFNL_SUBSYS_CTNETLINK = 1;

export const CT_NEW = nfnetlinkType(NFNL_SUBSYS_CTNETLINK, 0);
export const CT_GET = nfnetlinkType(NFNL_SUBSYS_CTNETLINK, 1);
export const CT_DELETE = nfnetlinkType(NFNL_SUBSYS_CTNETLINK, 2);

/** NFNLGRP_CONNTRACK_NEW, _UPDATE and _DESTROY (linux/netfilter/nfnetlink.h), the groups 1 to 3, as bits. */
export const CT_GROUPS = 0b111;

export const CTA_TUPLE_ORIG = 1;
export const CTA_TUPLE_REPLY = 2;
export const CTA_STATUS = 3;
export const CTA_PROTOINFO = 4;
export const CTA_TIMEOUT = 7;
export const CTA_MARK = 8;
export const CTA_ID = 12;
export const CTA_ZONE = 18;
export const CTA_MARK_MASK = 21;
export const CTA_STATUS_MASK = 26;

/** Bit of the status: the destination was translated. Not set where it was translated to itself. */
export const IPS_DST_NAT = 1 << 5;

export const CTA_TUPLE_IP = 1;
export const CTA_TUPLE_PROTO = 2;
export const CTA_TUPLE_ZONE = 3;

export const CTA_IP_V4_SRC = 1;
export const CTA_IP_V4_DST = 2;
export const CTA_IP_V6_SRC = 3;
export const CTA_IP_V6_DST = 4;

export const CTA_PROTO_NUM = 1;
export const CTA_PROTO_SRC_PORT = 2;
export const CTA_PROTO_DST_PORT = 3;

export const CTA_PROTOINFO_TCP = 1;
export const CTA_PROTOINFO_TCP_STATE = 1;
export const CTA_PROTOINFO_TCP_FLAGS_ORIGINAL = 4;

/** Bit of these flags: the end that is meant has begun to close. */
export const IP_CT_TCP_FLAG_CLOSE_INIT = 4;

/** enum tcp_conntrack, by number, spelled as conntrack(8) does. */
export const TCP_STATES = [
  "NONE",
  "SYN_SENT",
  "SYN_RECV",
  "ESTABLISHED",
  "FIN_WAIT",
  "CLOSE_WAIT",
  "LAST_ACK",
  "TIME_WAIT",
  "CLOSE",
  "SYN_SENT2",
] as const;
export type TcpState = typeof TCP_STATES[number];
