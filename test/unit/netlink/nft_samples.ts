/** Messages of nf_tables as kernel 6.18 sent them, captioned, where nothing else is said. Test equipment. */
import { bytes } from "./samples.ts";

/** A dormant table, one for interfaces, and one of a family that is not lb's. */
export const TABLES = bytes(`
  38000000 000a 0200 01000000 56730000  # NFT_MSG_NEWTABLE, NLM_F_MULTI
  01 00 0002                            # nfgenmsg: inet, generation 2
  0600 0100 7400 0000                   # NFTA_TABLE_NAME "t"
  0800 0300 00000001                    # NFTA_TABLE_USE
  0c00 0400 0000000000000001            # NFTA_TABLE_HANDLE
  0800 0200 00000001                    # NFTA_TABLE_FLAGS: dormant
  38000000 000a 0200 01000000 56730000
  05 00 0002                            # nfgenmsg: netdev
  0600 0100 7500 0000                   # "u"
  0800 0300 00000001
  0c00 0400 0000000000000002
  0800 0200 00000000
  3c000000 000a 0200 01000000 56730000
  03 00 0002                            # nfgenmsg: arp
  0c00 0100 666f726569676e00            # "foreign"
  0800 0300 00000000
  0c00 0400 0000000000000003
  0800 0200 00000000
`);

/** A plain chain, and one at the ingress of two interfaces. */
export const CHAINS = bytes(`
  38000000 030a 0200 01000000 776d0000  # NFT_MSG_NEWCHAIN
  05 00 0002                            # nfgenmsg: netdev
  0600 0100 7400 0000                   # NFTA_CHAIN_TABLE "t"
  0600 0300 6300 0000                   # NFTA_CHAIN_NAME "c"
  0c00 0200 0000000000000001            # NFTA_CHAIN_HANDLE
  0800 0600 00000003                    # NFTA_CHAIN_USE
  7c000000 030a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000                   # "t"
  0600 0300 6200 0000                   # "b"
  0c00 0200 0000000000000002
  2800 0400                             # NFTA_CHAIN_HOOK
  0800 0100 00000000                    #   NFTA_HOOK_HOOKNUM: ingress
  0800 0200 fffffff9                    #   NFTA_HOOK_PRIORITY -7
  1400 0400                             #   NFTA_HOOK_DEVS
  0700 0100 643000 00                   #     NFTA_DEVICE_NAME "d0"
  0700 0100 6c6f00 00                   #     "lo"
  0800 0500 00000000                    # NFTA_CHAIN_POLICY: drop
  0b00 0700 66696c74657200 00           # NFTA_CHAIN_TYPE "filter"
  0800 0a00 00000001                    # NFTA_CHAIN_FLAGS: base
  0800 0600 00000002
`);

/** A chain at one interface, by hand: older kernels name it alone, and 6.16 knows names that stand for many. */
export const CHAINS_ON_DEVICES = bytes(`
  48000000 030a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000                   # "t"
  0600 0300 6f00 0000                   # "o"
  1c00 0400                             # NFTA_CHAIN_HOOK
  0800 0100 00000000
  0800 0200 00000000
  0700 0300 6c6f00 00                   #   NFTA_HOOK_DEV "lo"
  0800 0500 00000001                    # NFTA_CHAIN_POLICY: accept
  5c000000 030a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000                   # "t"
  0600 0300 7700 0000                   # "w"
  3000 0400
  0800 0100 00000000
  0800 0200 00000000
  0700 0300 6c6f00 00                   #   "lo", as the first of the list
  1400 0400                             #   NFTA_HOOK_DEVS
  0700 0100 6c6f00 00                   #     "lo"
  0600 0200 6574 0000                   #     NFTA_DEVICE_PREFIX "et"
  0800 0500 00000001
`);

/** Two rules of a chain: `accept`, and `jump c` with a position behind the first. */
export const RULES = bytes(`
  64000000 060a 0208 01000000 776d0000  # NFT_MSG_NEWRULE
  05 00 0002
  0600 0100 7400 0000                   # NFTA_RULE_TABLE "t"
  0600 0200 6200 0000                   # NFTA_RULE_CHAIN "b"
  0c00 0300 000000000000000b            # NFTA_RULE_HANDLE
  3400 0400                             # NFTA_RULE_EXPRESSIONS
  3000 0100                             #   NFTA_LIST_ELEM
  0e00 0100 696d6d65646961746500 0000   #     NFTA_EXPR_NAME "immediate"
  1c00 0200                             #     NFTA_EXPR_DATA
  0800 0100 00000000                    #       verdict register
  1000 0200 0c00 0200 0800 0100 00000001 #      NF_ACCEPT
  78000000 060a 0208 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 6200 0000
  0c00 0300 000000000000000c
  0c00 0600 000000000000000b            # NFTA_RULE_POSITION
  3c00 0400
  3800 0100
  0e00 0100 696d6d65646961746500 0000
  2400 0200
  0800 0100 00000000
  1800 0200 1400 0200 0800 0100 fffffffd 0600 0200 6300 0000 # NFT_JUMP "c"
`);

/** A map of concatenated intervals to verdicts, and a set that packets fill. */
export const SETS = bytes(`
  e8000000 090a 0200 01000000 776d0000  # NFT_MSG_NEWSET
  05 00 0002
  0600 0100 7400 0000                   # NFTA_SET_TABLE "t"
  0600 0200 7600 0000                   # NFTA_SET_NAME "v"
  0c00 1000 0000000000000007            # NFTA_SET_HANDLE
  0800 0300 0000008c                    # NFTA_SET_FLAGS: interval, map, concat
  0800 0400 000001cc                    # NFTA_SET_KEY_TYPE: 7 << 6 | 12
  0800 0500 00000008                    # NFTA_SET_KEY_LEN
  0800 0600 ffffff00                    # NFTA_SET_DATA_TYPE: verdict
  0800 0700 00000010                    # NFTA_SET_DATA_LEN
  5000 0d00                             # NFTA_SET_USERDATA
  000400000000010400000000032e00040d00000001260014000407000000010c
  00040c00000001040c000000010e0004090000000106000410000000040800
  04010000000100060400000000
  2000 0900                             # NFTA_SET_DESC
  1c00 0200                             #   NFTA_SET_DESC_CONCAT
  0c00 0100                             #     NFTA_LIST_ELEM
  0800 0100 00000004                    #       NFTA_SET_FIELD_LEN
  0c00 0100
  0800 0100 00000001
  1700 1300 30786666666666666666383235303831613000 00 # NFTA_SET_TYPE
  0800 1400 00000002                    # NFTA_SET_COUNT
  a0000000 090a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 6400 0000                   # "d"
  0c00 1000 0000000000000009
  0800 0300 00000030                    # time-out, eval
  0800 0400 00000007
  0800 0500 00000004
  0c00 0b00 0000000000002710            # NFTA_SET_TIMEOUT 10,000 ms
  2000 0d00 0004020000000314000407000000010c00040c00000001040b000000 # NFTA_SET_USERDATA
  0c00 0900
  0800 0100 0000ffff                    #   NFTA_SET_DESC_SIZE
  1700 1300 30786666666666666666383235303766343000 00
  0800 1400 00000000
`);

/** A map of objects whose elements count, by hand. */
export const OBJECT_MAP = bytes(`
  54000000 090a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 6f00 0000                   # "o"
  0800 0300 00000140                    # object, expression
  0800 0400 00000007
  0800 0500 00000004
  0800 0f00 00000001                    # NFTA_SET_OBJ_TYPE: counter
  1000 1100 0c00 0100 636f756e74657200  # NFTA_SET_EXPR "counter"
`);

/** 192.0.2.0/24 as a tree has it: the end, the beginning, and an end at 0 before everything. */
export const INTERVALS = bytes(`
  68000000 0c0a 0200 01000000 776d0000  # NFT_MSG_NEWSETELEM
  05 00 0002
  0600 0100 7400 0000                   # NFTA_SET_ELEM_LIST_TABLE "t"
  0600 0200 6100 0000                   # NFTA_SET_ELEM_LIST_SET "a"
  4400 0300                             # NFTA_SET_ELEM_LIST_ELEMENTS
  1800 0100                             #   NFTA_LIST_ELEM
  0c00 0100 0800 0100 c0000300          #     NFTA_SET_ELEM_KEY
  0800 0300 00000001                    #     NFTA_SET_ELEM_FLAGS: end of an interval
  1000 0100
  0c00 0100 0800 0100 c0000200
  1800 0100
  0c00 0100 0800 0100 00000000
  0800 0300 00000001
`);

/** Concatenated intervals with verdicts. */
export const RANGES = bytes(`
  98000000 0c0a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 7600 0000                   # "v"
  7400 0300
  3c00 0100
  1000 0100 0c00 0100 c000020006000000  #     key 192.0.2.0 . 6
  1000 0a00 0c00 0100 c000020106000000  #     NFTA_SET_ELEM_KEY_END 192.0.2.1 . 6
  1800 0200                             #     NFTA_SET_ELEM_DATA
  1400 0200                             #       NFTA_DATA_VERDICT
  0800 0100 fffffffc                    #         NFT_GOTO
  0600 0200 6300 0000                   #         "c"
  3400 0100
  1000 0100 0c00 0100 0000000011000000
  1000 0a00 0c00 0100 ffffffff11000000
  1000 0200
  0c00 0200
  0800 0100 00000000                    #         NF_DROP
`);

/** A slot that leads to a backend's id, 2:3 in nft's spelling of a priority. */
export const SLOTS = bytes(`
  44000000 0c0a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 6900 0000                   # "i"
  2000 0300
  1c00 0100
  0c00 0100 0800 0100 01000000          #     slot 1, in the host's byte order
  0c00 0200 0800 0100 03000200          #     id 0x20003
`);

/** The element that stands for all others. */
export const CATCH_ALL = bytes(`
  34000000 0c0a 0200 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 6b00 0000                   # "k"
  1000 0300
  0c00 0100
  0800 0300 00000002
`);

/** A counter with large numbers. */
export const COUNTER = bytes(`
  5c000000 120a 0208 01000000 776d0000  # NFT_MSG_NEWOBJ
  05 00 0002
  0600 0100 7400 0000                   # NFTA_OBJ_TABLE "t"
  0600 0200 6e00 0000                   # NFTA_OBJ_NAME "n"
  0800 0300 00000001                    # NFTA_OBJ_TYPE: counter
  0c00 0600 0000000000000003            # NFTA_OBJ_HANDLE
  0800 0500 00000000                    # NFTA_OBJ_USE
  1c00 0400                             # NFTA_OBJ_DATA
  0c00 0100 001fffffffffffff            #   NFTA_COUNTER_BYTES
  0c00 0200 0000000000011170            #   NFTA_COUNTER_PACKETS
`);

/** A quota. */
export const QUOTA = bytes(`
  64000000 120a 0208 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 7100 0000                   # "q"
  0800 0300 00000002                    # quota
  0c00 0600 0000000000000004
  0800 0500 00000000
  2400 0400
  0c00 0100 00000000000003e8
  0c00 0400 0000000000000000
  0800 0200 00000000
`);

/** An object of a type that is newer than lb, and a flowtable, by hand: this kernel can make neither. */
export const NEWER_OBJECT = bytes(`
  2c000000 120a 0208 01000000 776d0000
  05 00 0002
  0600 0100 7400 0000
  0600 0200 7a00 0000                   # "z"
  0800 0300 00000063                    # 99
`);
export const FLOWTABLE = bytes(`
  24000000 160a 0200 01000000 776d0000  # NFT_MSG_NEWFLOWTABLE
  05 00 0002
  0600 0100 7400 0000                   # NFTA_FLOWTABLE_TABLE "t"
  0600 0200 6600 0000                   # NFTA_FLOWTABLE_NAME "f"
`);

/** There is no table "nope": the whole request is quoted. */
export const ABSENT = bytes(`
  3c000000 0200 0002 01000000 776d0000  # NLMSG_ERROR, NLM_F_ACK_TLVS
  feffffff                              # -2, ENOENT
  20000000 0a0a 0103 01000000 00000000  # the request
  01 00 0000
  0900 0100 6e6f706500 000000
  0800 0200 14000000                    # NLMSGERR_ATTR_OFFS
`);

/** Every sample there is. */
export const NFT_SAMPLES = [
  TABLES,
  CHAINS,
  CHAINS_ON_DEVICES,
  RULES,
  SETS,
  OBJECT_MAP,
  INTERVALS,
  RANGES,
  SLOTS,
  CATCH_ALL,
  COUNTER,
  QUOTA,
  NEWER_OBJECT,
  FLOWTABLE,
];
