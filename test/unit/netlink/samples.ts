/** Messages as kernel 6.18 sent them where nothing else is said, captioned. Test equipment. */

/** Bytes from hexadecimal text; what is behind a `#` is a caption. */
export function bytes(captioned: string): Uint8Array {
  const text = captioned.replace(/#.*$/gm, "").replace(/\s+/g, "");
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** The answer to NFT_MSG_GETGEN. */
export const GENERATION = bytes(`
  30000000 0f0a 0000 01000000 aa680000  # nlmsghdr: 48 bytes, NFT_MSG_NEWGEN, sequence 1
  00 00 0001                            # nfgenmsg
  0800 0100 00000001                    # NFTA_GEN_ID 1
  0800 0200 000068aa                    # NFTA_GEN_PROC_PID
  0900 0300 64656e6f00 000000           # NFTA_GEN_PROC_NAME "deno", padded
`);

/** An acknowledgement: error 0, request quoted up to its header. */
export const ACK = bytes(`
  24000000 0200 0001 01000000 aa680000  # NLMSG_ERROR, NLM_F_CAPPED
  00000000                              # no error
  14000000 100a 0500 01000000 00000000  # the request's nlmsghdr
`);

/** The end of a dump. */
export const DONE = bytes(`
  14000000 0300 0200 01000000 aa680000  # NLMSG_DONE, NLM_F_MULTI
  00000000                              # no error
`);

/** RTM_NEWADDR refused: the whole request quoted, then the kernel's words. */
export const REFUSED_ADDRESS = bytes(`
  60000000 0200 0002 01000000 aa680000  # NLMSG_ERROR, NLM_F_ACK_TLVS
  efffffff                              # -17, EEXIST
  28000000 1400 0506 01000000 00000000  # the request: 40 bytes, RTM_NEWADDR
  02 20 00 00 01000000                  # ifaddrmsg: IPv4, /32, interface 1
  0800 0200 cb007101                    # IFA_LOCAL 203.0.113.1
  0800 0100 cb007101                    # IFA_ADDRESS
  2300 0100                             # NLMSGERR_ATTR_MSG, 31 bytes
  697076343a204164647265737320616c72656164792061737369676e656400 00
`);

/** The same as a socket with NETLINK_CAP_ACK would get it, by hand: only the header quoted. */
export const REFUSED_ADDRESS_CAPPED = bytes(`
  48000000 0200 0003 01000000 aa680000  # NLMSG_ERROR, NLM_F_ACK_TLVS, NLM_F_CAPPED
  efffffff                              # -17, EEXIST
  28000000 1400 0506 01000000 00000000  # the request's nlmsghdr says 40 bytes; they are not here
  2300 0100                             # NLMSGERR_ATTR_MSG, 31 bytes
  697076343a204164647265737320616c72656164792061737369676e656400 00
`);

/** A delete refused, without words: there is no such conntrack entry. */
export const REFUSED_DELETE = bytes(`
  24000000 0200 0001 01000000 aa680000  # NLMSG_ERROR, NLM_F_CAPPED
  feffffff                              # -2, ENOENT
  58000000 0201 0500 01000000 00000000  # the request's nlmsghdr
`);

/** A tcp entry with mark 0x300 in zone 7. */
export const TCP_ENTRY = bytes(`
  f8000000 0001 2200 01000000 aa680000  # nlmsghdr: IPCTNL_MSG_CT_NEW, NLM_F_MULTI and NLM_F_DUMP_FILTERED
  02 00 0000                            # nfgenmsg: IPv4
  3400 0180                             # CTA_TUPLE_ORIG, nested
  1400 0180                             #   CTA_TUPLE_IP
  0800 0100 c0000201                    #     source 192.0.2.1
  0800 0200 cb007101                    #     destination 203.0.113.1
  1c00 0280                             #   CTA_TUPLE_PROTO
  0500 0100 06 000000                   #     tcp
  0600 0200 03e8 0000                   #     source port 1000
  0600 0300 0050 0000                   #     destination port 80
  3400 0280                             # CTA_TUPLE_REPLY
  1400 0180
  0800 0100 cb007101
  0800 0200 c0000201
  1c00 0280
  0500 0100 06 000000
  0600 0200 0050 0000
  0600 0300 03e8 0000
  0600 1200 0007 0000                   # CTA_ZONE 7
  0800 0300 00000008                    # CTA_STATUS: IPS_CONFIRMED
  0800 0800 00000300                    # CTA_MARK 0x300
  0800 0c00 1d5f92de                    # CTA_ID
  0800 0b00 00000001                    # CTA_USE
  0800 0700 00000063                    # CTA_TIMEOUT 99 s
  3000 0480                             # CTA_PROTOINFO
  2c00 0180                             #   CTA_PROTOINFO_TCP
  0500 0100 03 000000                   #     state ESTABLISHED
  0500 0200 00 000000
  0500 0300 00 000000
  0600 0400 0a00 0000
  0600 0500 0a00 0000
  1c00 1880                             # CTA_SYNPROXY
  0800 0100 00000000
  0800 0200 00000000
  0800 0300 00000000
`);

/** A udp entry in IPv6, without mark. */
export const UDP6_ENTRY = bytes(`
  f0000000 0001 2200 01000000 aa680000
  0a 00 0000                                      # nfgenmsg: IPv6
  4c00 0180                                       # CTA_TUPLE_ORIG
  2c00 0180
  1400 0300 20010db8000000000000000000000001      #     source 2001:db8::1
  1400 0400 20010db8000000000000000000000002      #     destination 2001:db8::2
  1c00 0280
  0500 0100 11 000000                             #     udp
  0600 0200 03e8 0000
  0600 0300 0050 0000
  4c00 0280                                       # CTA_TUPLE_REPLY
  2c00 0180
  1400 0300 20010db8000000000000000000000002
  1400 0400 20010db8000000000000000000000001
  1c00 0280
  0500 0100 11 000000
  0600 0200 0050 0000
  0600 0300 03e8 0000
  0800 0300 00000008                              # CTA_STATUS
  0800 0800 00000000                              # CTA_MARK 0
  0800 0c00 20bee210                              # CTA_ID
  0800 0b00 00000001
  0800 0700 00000063                              # CTA_TIMEOUT
  1c00 1880
  0800 0100 00000000
  0800 0200 00000000
  0800 0300 00000000
`);

/** Both addresses of `lo`, in one datagram. */
export const ADDRESSES = bytes(`
  4c000000 1400 0200 01000000 aa680000            # RTM_NEWADDR, NLM_F_MULTI
  02 08 80 fe 01000000                            # ifaddrmsg: IPv4, /8, IFA_F_PERMANENT, host, interface 1
  0800 0100 7f000001                              # IFA_ADDRESS
  0800 0200 7f000001                              # IFA_LOCAL
  0700 0300 6c6f00 00                             # IFA_LABEL "lo"
  0800 0800 80000000                              # IFA_FLAGS, in the host's byte order
  1400 0600 ffffffffffffffff fe720200fe720200     # IFA_CACHEINFO
  50000000 1400 0200 01000000 aa680000
  0a 80 80 fe 01000000                            # ifaddrmsg: IPv6, /128
  1400 0100 00000000000000000000000000000001      # IFA_ADDRESS ::1
  1400 0600 ffffffffffffffff fe720200fe720200
  0800 0800 80000000
  0500 0b00 01 000000                             # IFA_PROTO: the kernel's own
`);

/** A veth interface, shortened by hand: two of the attributes that lb passes over are left. */
export const LINK = bytes(`
  58000000 1000 0200 01000000 aa680000            # RTM_NEWLINK
  00 00 0100 05000000 43100100 00000000           # ifinfomsg: ethernet, interface 5, up and running
  0900 0300 6574683000 000000                     # IFLA_IFNAME "eth0"
  0800 0400 dc050000                              # IFLA_MTU 1500
  0a00 0100 020000000001 0000                     # IFLA_ADDRESS 02:00:00:00:00:01
  1000 1280                                       # IFLA_LINKINFO
  0900 0100 7665746800 000000                     #   IFLA_INFO_KIND "veth"
  0800 3200 00000000                              # type 50, unknown to lb
`);

/** Neighbours at interface 7: one that answers no more but is believed, one that was asked and is silent. */
export const NEIGHBOURS = bytes(`
  4c000000 1c00 0200 01000000 a2230000            # RTM_NEWNEIGH, NLM_F_MULTI
  02 00 0000 07000000 0400 00 01                  # ndmsg: IPv4, interface 7, NUD_STALE, unicast
  0800 0100 c633640d                              # NDA_DST 198.51.100.13
  0a00 0200 9a59e917d379 0000                     # NDA_LLADDR
  0800 0400 00000000                              # NDA_PROBES
  1400 0300 f9920000f992000095850000 00000000     # NDA_CACHEINFO
  40000000 1c00 0200 01000000 a2230000
  02 00 0000 07000000 0100 00 01                  # NUD_INCOMPLETE
  0800 0100 c6336463                              # 198.51.100.99
  0800 0400 00000000
  1400 0300 75170000050000000500000001000000
`);

/** A neighbour of IPv6. */
export const NEIGHBOUR6 = bytes(`
  58000000 1c00 0200 02000000 a2230000
  0a 00 0000 07000000 0200 00 01                  # IPv6, NUD_REACHABLE
  1400 0100 20010db8000b00000000000000000011      # 2001:db8:b::11
  0a00 0200 669c918b654a 0000
  0800 0400 00000000
  1400 0300 05000000050000000500000001000000
`);

/** The way to 192.0.2.1: by a router. Shortened by hand: without RTA_CACHEINFO. */
export const ROUTE_BY_ROUTER = bytes(`
  4c000000 1800 0000 01000000 a2230000            # RTM_NEWROUTE
  02 20 00 00 fe 00 00 01 00020000                # rtmsg: IPv4, /32, table main, universe, RTN_UNICAST
  0800 0100 c0000201                              # RTA_DST
  0800 0400 07000000                              # RTA_OIF 7
  0800 0700 c6336401                              # RTA_PREFSRC 198.51.100.1
  0800 0500 c63364fe                              # RTA_GATEWAY 198.51.100.254
  0800 0f00 fe000000                              # RTA_TABLE
  0800 1900 00000000                              # RTA_UID
`);

/** The same to an address on the link, of IPv6. */
export const ROUTE_ON_LINK6 = bytes(`
  40000000 1800 0000 01000000 a2230000
  0a 80 80 00 fe 02 00 01 00000000                # IPv6, RTN_UNICAST
  1400 0100 20010db8000b00000000000000000011
  0800 0600 00010000                              # RTA_PRIORITY
  0800 0400 07000000
`);

/** The route that makes a prefix local, as the entry of the table that it is. */
export const LOCAL_ROUTE = bytes(`
  34000000 1800 0000 01000000 a2230000            # RTM_NEWROUTE
  02 1c 00 00 ff 04 fe 02 00000000                # rtmsg: IPv4, /28, table local, static, host, RTN_LOCAL
  0800 0f00 ff000000                              # RTA_TABLE
  0800 0100 cb007140                              # RTA_DST 203.0.113.64
  0800 0400 01000000                              # RTA_OIF 1
`);

/** Every sample there is. */
export const SAMPLES = [
  GENERATION,
  ACK,
  DONE,
  REFUSED_ADDRESS,
  REFUSED_ADDRESS_CAPPED,
  REFUSED_DELETE,
  TCP_ENTRY,
  UDP6_ENTRY,
  ADDRESSES,
  LINK,
  NEIGHBOURS,
  NEIGHBOUR6,
  ROUTE_BY_ROUTER,
  ROUTE_ON_LINK6,
  LOCAL_ROUTE,
];
