/** Messages of IPVS as User Mode Linux 6.1 sent them, captioned. Test equipment. */
import { bytes } from "./samples.ts";

/** The list of families, cut down to two: the first names itself before its id, as all do. */
export const FAMILIES = bytes(`
  28000000 1000 0200 01000000 9e020000      # GENL_ID_CTRL, NLM_F_MULTI
  01 02 0000                                # CTRL_CMD_NEWFAMILY, version 2
  0b00 0200 6e6c6374726c00 00               # CTRL_ATTR_FAMILY_NAME "nlctrl"
  0600 0100 1000 0000                       # CTRL_ATTR_FAMILY_ID 16
  28000000 1000 0200 01000000 9e020000
  01 02 0000
  0900 0200 4950565300 000000               # "IPVS"
  0600 0100 1c00 0000                       # 28
`);

/** wrr, persistent for 300 s by /24, with lb's tag; two connections were scheduled. */
export const SERVICE = bytes(`
  68010000 1c00 0200 02000000 9e020000
  01 01 0000                                # IPVS_CMD_NEW_SERVICE
  5401 0100                                 # IPVS_CMD_ATTR_SERVICE
  0600 0100 0200 0000                       #   AF: IPv4
  0600 0200 0600 0000                       #   PROTOCOL: tcp
  1400 0300 cb00710a 00000000 00000000 00000000 # ADDR: 203.0.113.10
  0600 0400 0050 0000                       #   PORT 80, network order
  0800 0600 77727200                        #   SCHED_NAME "wrr"
  0c00 0700 03cdabb1 ffffffff               #   FLAGS: persistent, hashed; lb's tag and a mark
  0800 0800 2c010000                        #   TIMEOUT 300
  0800 0900 ffffff00                        #   NETMASK, network order
  6000 0a00                                 #   STATS
  0800 0100 02000000 0800 0200 07000000 0800 0300 05000000
  0c00 0400 8601000000000000 0400 0b00
  0c00 0500 1901000000000000 0800 0600 00000000
  0800 0700 01000000 0800 0800 01000000 0800 0900 31000000 0800 0a00 23000000
  a000 0c00                                 #   STATS64
  0c00 0100 0200000000000000 0400 0b00 0c00 0200 0700000000000000 0400 0b00
  0c00 0300 0500000000000000 0400 0b00 0c00 0400 8601000000000000 0400 0b00
  0c00 0500 1901000000000000 0400 0b00 0c00 0600 0000000000000000 0400 0b00
  0c00 0700 0100000000000000 0400 0b00 0c00 0800 0100000000000000 0400 0b00
  0c00 0900 3100000000000000 0400 0b00 0c00 0a00 2300000000000000
`);

/** A service by firewall mark, IPv6, cut behind its mask. */
export const FWMARK_SERVICE = bytes(`
  4c000000 1c00 0200 02000000 9e020000
  01 01 0000
  3800 0100
  0600 0100 0a00 0000                       #   AF: IPv6
  0800 0500 07000000                        #   FWMARK 7
  0700 0600 6d6800 00                       #   SCHED_NAME "mh"
  0c00 0700 1a000000 ffffffff               #   FLAGS: hashed, mh-fallback, mh-port
  0800 0800 00000000
  0800 0900 80000000                        #   NETMASK: a length of 128, the host's order
`);

/** A backend that two connections were scheduled to: one is there, one has ended. */
export const DESTINATION = bytes(`
  90010000 1c00 0200 02000000 9e020000
  05 01 0000                                # IPVS_CMD_NEW_DEST
  7c01 0200                                 # IPVS_CMD_ATTR_DEST
  1400 0100 c633640b 00000000 00000000 00000000 # ADDR: 198.51.100.11
  0600 0200 1f90 0000                       #   PORT 8080
  0800 0300 00000000                        #   FWD_METHOD: masquerading
  0800 0400 03000000                        #   WEIGHT 3
  0500 0d00 00 000000                       #   TUN_TYPE: ipip
  0600 0e00 0000 0000                       #   TUN_PORT
  0600 0f00 0000 0000                       #   TUN_FLAGS
  0800 0500 64000000                        #   U_THRESH 100
  0800 0600 5a000000                        #   L_THRESH 90
  0800 0700 01000000                        #   ACTIVE_CONNS 1
  0800 0800 01000000                        #   INACT_CONNS 1
  0800 0900 01000000                        #   PERSIST_CONNS 1
  0600 0b00 0200 0000                       #   ADDR_FAMILY: IPv4
  6400 0a00                                 #   STATS
  0800 0100 02000000 0800 0200 07000000 0800 0300 05000000 0400 0b00
  0c00 0400 8601000000000000 0400 0b00 0c00 0500 1901000000000000
  0800 0600 00000000 0800 0700 01000000 0800 0800 01000000
  0800 0900 31000000 0800 0a00 23000000
  a000 0c00                                 #   STATS64
  0c00 0100 0200000000000000 0400 0b00 0c00 0200 0700000000000000 0400 0b00
  0c00 0300 0500000000000000 0400 0b00 0c00 0400 8601000000000000 0400 0b00
  0c00 0500 1901000000000000 0400 0b00 0c00 0600 0000000000000000 0400 0b00
  0c00 0700 0100000000000000 0400 0b00 0c00 0800 0100000000000000 0400 0b00
  0c00 0900 3100000000000000 0400 0b00 0c00 0a00 2300000000000000
`);

/** The end of the list of families, and of a request with the sequence number 2. */
export const FAMILIES_DONE = bytes("14000000 0300 0200 01000000 9e020000 00000000");
export const DONE = bytes("14000000 0300 0200 02000000 9e020000 00000000");
export const ACK = bytes(`
  24000000 0200 0001 02000000 9e020000 00000000
  14000000 1c00 0500 02000000 00000000
`);

/** No such scheduler: the whole request is quoted, and no words come with it. */
export const REFUSED_SCHEDULER = bytes(`
  34000000 0200 0000 02000000 9e020000 feffffff # -2, ENOENT
  20000000 1c00 0500 02000000 00000000          # the request, cut down
  01 01 0000 0900 0600 6e6f706500 000000
`);

export const SAMPLES = [FAMILIES, SERVICE, FWMARK_SERVICE, DESTINATION];
