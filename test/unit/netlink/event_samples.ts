/** What conntrack of kernel 6.18 told of a tcp connection and a udp flow, captioned. Test equipment. */
import { bytes } from "./samples.ts";

const TCP4 = `
  3400 0180                             # CTA_TUPLE_ORIG, nested
  1400 0180                             #   CTA_TUPLE_IP
  0800 0100 7f000001                    #     source 127.0.0.1
  0800 0200 7f000001                    #     destination
  1c00 0280                             #   CTA_TUPLE_PROTO
  0500 0100 06 000000                   #     tcp
  0600 0200 d454 0000                   #     source port 54356
  0600 0300 1f90 0000                   #     destination port 8080
  3400 0280                             # CTA_TUPLE_REPLY
  1400 0180
  0800 0100 7f000001
  0800 0200 7f000001
  1c00 0280
  0500 0100 06 000000
  0600 0200 1f90 0000
  0600 0300 d454 0000
  0800 0c00 a54f2adf                    # CTA_ID
`;

/** The connection's first packet. */
export const BEGUN = bytes(`
  cc000000 0001 0006 00000000 00000000  # IPCTNL_MSG_CT_NEW, NLM_F_CREATE and NLM_F_EXCL, from the kernel
  02 00 0000                            # nfgenmsg: IPv4
  ${TCP4}
  0800 0300 00000008                    # CTA_STATUS: IPS_CONFIRMED
  0800 0700 00000078                    # CTA_TIMEOUT 120 s
  3000 0480                             # CTA_PROTOINFO
  2c00 0180                             #   CTA_PROTOINFO_TCP
  0500 0100 01 000000                   #     state SYN_SENT
  0500 0200 0a 000000
  0500 0300 00 000000
  0600 0400 0300 0000
  0600 0500 0000 0000
  0800 0800 00000300                    # CTA_MARK
`);

/** Both ends have closed. */
export const CLOSED = bytes(`
  cc000000 0001 0000 00000000 00000000  # IPCTNL_MSG_CT_NEW without flags: a change
  02 00 0000
  ${TCP4}
  0800 0300 0000000e
  0800 0700 00000078
  3000 0480
  2c00 0180
  0500 0100 07 000000                   #     state TIME_WAIT
  0500 0200 0a 000000
  0500 0300 0a 000000
  0600 0400 2700 0000
  0600 0500 2300 0000
  0800 0800 00000300
`);

/** The entry is gone, deleted by conntrack(8). */
export const GONE = bytes(`
  ac000000 0201 0000 00000000 4f375ec9  # IPCTNL_MSG_CT_DELETE
  02 00 0000
  ${TCP4}
  0800 0300 0000020e
  0800 0700 00000077
  1000 0480
  0c00 0180
  0500 0100 07 000000                   #     state TIME_WAIT
  0800 0800 00000300
`);

/** The first packet of a udp flow in IPv6. */
export const BEGUN_UDP6 = bytes(`
  cc000000 0001 0006 00000000 00000000
  0a 00 0000                                      # nfgenmsg: IPv6
  4c00 0180                                       # CTA_TUPLE_ORIG
  2c00 0180
  1400 0300 00000000000000000000000000000001      #     source ::1
  1400 0400 00000000000000000000000000000001      #     destination
  1c00 0280
  0500 0100 11 000000                             #     udp
  0600 0200 9ba9 0000                             #     source port 39849
  0600 0300 270f 0000                             #     destination port 9999
  4c00 0280                                       # CTA_TUPLE_REPLY
  2c00 0180
  1400 0300 00000000000000000000000000000001
  1400 0400 00000000000000000000000000000001
  1c00 0280
  0500 0100 11 000000
  0600 0200 270f 0000
  0600 0300 9ba9 0000
  0800 0c00 b40e989e
  0800 0300 00000008
  0800 0700 0000001e
  0800 0800 00000300
`);

export const EVENT_SAMPLES: readonly Uint8Array[] = [BEGUN, CLOSED, GONE, BEGUN_UDP6];
