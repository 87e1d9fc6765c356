/** Messages of queue 300 as kernel 6.18 sent them, captioned; the packets are test/unit/packet's. Test equipment. */
import { bytes } from "./samples.ts";

/** What they all begin with behind the packet's header: interface, mark, hardware address, checksum unknown. */
const COMMON = `
  0800 0500 00000003                    # NFQA_IFINDEX_INDEV 3
  0800 0300 00ab0000                    # NFQA_MARK
  1000 0900 0006 0000 3a5e4578f7dd 0000 # NFQA_HWADDR
`;
const UNVERIFIED = "0800 0e00 00000004    # NFQA_SKB_INFO: NFQA_SKB_CSUM_NOTVERIFIED";

/** 192.0.2.1 port 40000 to 203.0.113.1 port 80, with 20 bytes of options. */
export const SYN4 = bytes(`
  88000000 0003 0000 00000000 00000000  # nlmsghdr: 136 bytes, NFQNL_MSG_PACKET
  02 00 012c                            # nfgenmsg: IPv4, queue 300
  0b00 0100 00000001 0800 00 00         # NFQA_PACKET_HDR: id 1, ETH_P_IP, prerouting, padded
  ${COMMON}${UNVERIFIED}
  4000 0a00                             # NFQA_PAYLOAD, 60 bytes
  4500003c0001000040067cb8c0000201cb007101
  9c4000500000000100000000a002ffff000000000101010101010101010101010101010101010101
`);

/** 2001:db8:c::1 port 40000 to 2001:db8:1::1 port 80 behind hop-by-hop and destination options. */
export const SYN6 = bytes(`
  a8000000 0003 0000 00000000 00000000  # nlmsghdr: 168 bytes
  0a 00 012c                            # nfgenmsg: IPv6
  0b00 0100 00000002 86dd 00 00         # id 2, ETH_P_IPV6
  ${COMMON}${UNVERIFIED}
  6000 0a00                             # NFQA_PAYLOAD, 92 bytes
  6000000000340040 20010db8000c00000000000000000001 20010db8000100000000000000000001
  3c00010400000000 0601010c000000000000000000000000
  9c40005000000001000000007002ffff000000000101010101010101
`);

/** A packet of 228 bytes, of which 128 were copied. */
export const CAPPED = bytes(`
  d4000000 0003 0000 00000000 00000000  # nlmsghdr: 212 bytes
  02 00 012c
  0b00 0100 00000003 0800 00 00         # id 3
  ${COMMON}
  0800 0d00 000000e4                    # NFQA_CAP_LEN 228
  ${UNVERIFIED}
  8400 0a00                             # NFQA_PAYLOAD, 128 bytes
  450000e40001000040117c05c0000201cb007101 14e9003500d00000
  ${"00".repeat(100)}
`);

/** An SCTP packet from port 5353 to port 53. */
export const SCTP4 = bytes(`
  6c000000 0003 0000 00000000 00000000  # nlmsghdr: 108 bytes
  02 00 012c
  0b00 0100 00000004 0800 00 00         # id 4
  ${COMMON}${UNVERIFIED}
  2400 0a00                             # NFQA_PAYLOAD, 32 bytes
  450000200001000040847c56c0000201cb007101 14e900350000000000000000
`);

/** Unreachable, about what went from 203.0.113.1 port 80 to 192.0.2.1 port 40000. */
export const ERROR4 = bytes(`
  84000000 0003 0000 00000000 00000000  # nlmsghdr: 132 bytes
  02 00 012c
  0b00 0100 00000005 0800 00 00         # id 5
  ${COMMON}${UNVERIFIED}
  3c00 0a00                             # NFQA_PAYLOAD, 56 bytes
  450000380001000040017bc4c00002fecb007101 0300606e00000000
  450000280001000040067ccccb007101c0000201 00509c4000000001
`);

/** The same of IPv6, about what went from port 53 of 2001:db8:1::1 to port 5353 of 2001:db8:c::1. */
export const ERROR6 = bytes(`
  ac000000 0003 0000 00000000 00000000  # nlmsghdr: 172 bytes
  0a 00 012c
  0b00 0100 00000006 86dd 00 00         # id 6
  ${COMMON}${UNVERIFIED}
  6400 0a00                             # NFQA_PAYLOAD, 96 bytes
  6000000000383a40 20010db8000c00000000000000000254 20010db8000100000000000000000001
  01001d1000000000
  6000000000081140 20010db8000100000000000000000001 20010db8000c00000000000000000001
  003514e900080000
`);

/** Sent from this machine, without mark or interface: queue 7, output hook, its checksum yet to be filled in. */
export const OUTPUT4 = bytes(`
  70000000 0003 0000 00000000 00000000  # nlmsghdr: 112 bytes
  02 00 0007
  0b00 0100 00000001 0800 03 00         # id 1, ETH_P_IP, output
  0800 0600 00000001                    # NFQA_IFINDEX_OUTDEV 1
  0800 0e00 00000001                    # NFQA_SKB_INFO: NFQA_SKB_CSUMNOTREADY
  4000 0a00                             # NFQA_PAYLOAD, 60 bytes
  4500003cc35b40004006795e7f0000017f000001
  ba78000925b4f60e00000000a002ffd7fe3000000204ffd70402080a5be01986000000000103030a
`);

/** A verdict of packet 77 refused: the queue is somebody else's. */
export const REFUSED_VERDICT = bytes(`
  3c000000 0200 0000 00000000 774cd5bd  # NLMSG_ERROR, sequence 0
  ffffffff                              # -1, EPERM
  28000000 0103 0100 00000000 00000000  # the request: 40 bytes, NFQNL_MSG_VERDICT
  00 00 012c
  0c00 0200 00000001 0000004d           # NFQA_VERDICT_HDR: NF_ACCEPT, 77
  0800 0300 00001234                    # NFQA_MARK
`);

/** All of them. */
export const QUEUE_SAMPLES: readonly Uint8Array[] = [
  ...[SYN4, SYN6, CAPPED, SCTP4, ERROR4, ERROR6, OUTPUT4, REFUSED_VERDICT],
];
