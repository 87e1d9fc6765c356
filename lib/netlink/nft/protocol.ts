/** Numbers of linux/netfilter/nf_tables.h, where nothing else is said. */
import { nfnetlinkType } from "../nfnetlink.ts";

/** Subsystem of nf_tables in linux/netfilter/nfnetlink.h. */
export const NFNL_SUBSYS_NFTABLES = 10;

/** What a transaction begins with, of no subsystem in particular: it names one in its header. */
export const BATCH_BEGIN = 16;
export const BATCH_END = 17;
export const NFNL_BATCH_GENID = 1;

export const GET_TABLE = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 1);
export const GET_CHAIN = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 4);
export const NEW_RULE = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 6);
export const GET_RULE = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 7);
export const GET_SET = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 10);
export const NEW_ELEMENT = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 12);
export const GET_ELEMENT = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 13);
export const DELETE_ELEMENT = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 14);
export const GET_GENERATION = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 16);
export const GET_OBJECT = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 19);
export const GET_FLOWTABLE = nfnetlinkType(NFNL_SUBSYS_NFTABLES, 23);

export const NFTA_GEN_ID = 1;

export const NFTA_TABLE_NAME = 1;
export const NFTA_TABLE_FLAGS = 2;

export const NFT_TABLE_F_DORMANT = 1;

export const NFTA_CHAIN_TABLE = 1;
export const NFTA_CHAIN_NAME = 3;
export const NFTA_CHAIN_HOOK = 4;
export const NFTA_CHAIN_POLICY = 5;
export const NFTA_CHAIN_TYPE = 7;

export const NFTA_HOOK_HOOKNUM = 1;
export const NFTA_HOOK_PRIORITY = 2;
export const NFTA_HOOK_DEV = 3;
export const NFTA_HOOK_DEVS = 4;
export const NFTA_DEVICE_NAME = 1;
/** Since linux 6.16: every interface whose name begins so. */
export const NFTA_DEVICE_PREFIX = 2;

export const NFTA_RULE_TABLE = 1;
export const NFTA_RULE_CHAIN = 2;
export const NFTA_RULE_HANDLE = 3;
export const NFTA_RULE_EXPRESSIONS = 4;
export const NFTA_RULE_USERDATA = 7;

export const NFTA_EXPR_NAME = 1;
export const NFTA_EXPR_DATA = 2;
export const NFTA_NG_MODULUS = 2;
export const NFTA_HASH_MODULUS = 4;

export const NFTA_CT_KEY = 2;
export const NFT_CT_STATE = 0;
export const NFT_CT_STATUS = 2;

export const NFTA_IMMEDIATE_DREG = 1;
export const NFTA_LOOKUP_DREG = 3;

/** linux/netfilter/nf_tables_compat.h: extensions of iptables'. */
export const NFTA_MATCH_NAME = 1;

export const NFTA_SET_TABLE = 1;
export const NFTA_SET_NAME = 2;
export const NFTA_SET_FLAGS = 3;
export const NFTA_SET_KEY_TYPE = 4;
export const NFTA_SET_KEY_LEN = 5;
export const NFTA_SET_DATA_TYPE = 6;
export const NFTA_SET_DATA_LEN = 7;
export const NFTA_SET_DESC = 9;
export const NFTA_SET_TIMEOUT = 11;
export const NFTA_SET_EXPR = 17;
export const NFTA_SET_EXPRESSIONS = 18;

export const NFTA_SET_DESC_SIZE = 1;

export const NFTA_SET_ELEM_LIST_TABLE = 1;
export const NFTA_SET_ELEM_LIST_SET = 2;
export const NFTA_SET_ELEM_LIST_ELEMENTS = 3;

/** What a list of anything is made of. */
export const NFTA_LIST_ELEM = 1;

export const NFTA_SET_ELEM_KEY = 1;
export const NFTA_SET_ELEM_DATA = 2;
export const NFTA_SET_ELEM_FLAGS = 3;
export const NFTA_SET_ELEM_KEY_END = 10;

export const NFT_SET_ELEM_INTERVAL_END = 1;
export const NFT_SET_ELEM_CATCHALL = 2;

export const NFTA_DATA_VALUE = 1;
export const NFTA_DATA_VERDICT = 2;
export const NFTA_VERDICT_CODE = 1;
export const NFTA_VERDICT_CHAIN = 2;

export const NFTA_OBJ_TABLE = 1;
export const NFTA_OBJ_NAME = 2;
export const NFTA_OBJ_TYPE = 3;
export const NFTA_OBJ_DATA = 4;

export const NFTA_COUNTER_BYTES = 1;
export const NFTA_COUNTER_PACKETS = 2;

export const NFTA_FLOWTABLE_TABLE = 1;
export const NFTA_FLOWTABLE_NAME = 2;
