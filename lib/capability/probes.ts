import type { EngineName } from "../model/service.ts";

/**
 * What the kernel must be able to do, one probe each. A probe is answered by evidence that loads nothing;
 * only what is built in or loaded is tried out, in a network namespace made for it and thrown away.
 */
export interface Probe {
  readonly id: string;
  readonly purpose: string;
  /** Every module its rules use, and the config option each lives in (linux, net/netfilter/Kconfig). */
  readonly needs: readonly Need[];
  /** Modules that its rules load as well on older kernels, where nf_tables does not hold them yet. */
  readonly apart?: readonly Need[];
  /** Rules that use it, beside as little else as can be. */
  readonly rules: string;
}

/** A module by its name, and its config option without `CONFIG_`; or a part of one, with its option. */
export type Need = readonly [module: string, option: string, kind?: "module" | "part"];

const NF_TABLES: Need = ["nf_tables", "NF_TABLES"];

const IP_VS: Need = ["ip_vs", "IP_VS"];

/** The module that holds what an engine writes: where it is not loaded, there is nothing of the engine's. */
export const HOLDERS: Readonly<Partial<Record<EngineName, Need>>> = { nft: NF_TABLES, ipvs: IP_VS };

/** The type of a nat chain is a module of its own, which naming it loads. */
const NAT_CHAINS: Need = ["nft_chain_nat", "NFT_NAT"];

/** Every table lb may have can do what an `ip` table can; only `nft-inet-nat` is about inet tables. */
const FILTER_CHAIN = "add table ip t; " +
  "add chain ip t c { type filter hook prerouting priority -105; policy accept; }; ";

const NAT_CHAIN = "add table ip t; " +
  "add chain ip t c { type nat hook prerouting priority -105; policy accept; }; ";

const INGRESS_CHAIN = "add table netdev t; " +
  'add chain netdev t c { type filter hook ingress device "lo" priority 10; policy accept; }; ';

/** The nft engine's needs. */
export const NFT_PROBES: readonly Probe[] = [
  {
    id: "nft-inet-nat",
    purpose: "one table for IPv4 and IPv6 with NAT, instead of one for each (linux 5.2)",
    needs: [["nft_nat", "NFT_NAT"], NAT_CHAINS, ["nft_reject_inet", "NFT_REJECT_INET"]],
    rules: "add table inet t; " +
      "add chain inet t c { type nat hook prerouting priority -105; policy accept; }; " +
      "add rule inet t c meta l4proto tcp dnat ip to 192.0.2.1:80; " +
      "add rule inet t c reject with icmpx type port-unreachable",
  },
  {
    id: "nft-nat",
    purpose: "sending a connection to its backend",
    needs: [["nft_nat", "NFT_NAT"], NAT_CHAINS],
    rules: NAT_CHAIN + "add rule ip t c meta l4proto tcp dnat to 192.0.2.1:80",
  },
  {
    id: "nft-numgen",
    purpose: "schedulers rr, wrr and random",
    needs: [["nft_numgen", "NFT_NUMGEN"]],
    rules: FILTER_CHAIN + "add rule ip t c numgen inc mod 2 == 0 accept",
  },
  {
    id: "nft-jhash",
    purpose: "schedulers sh and maglev",
    needs: [["nft_hash", "NFT_HASH"]],
    rules: FILTER_CHAIN + "add rule ip t c jhash ip saddr . th sport mod 2 seed 0x1 == 0 accept",
  },
  {
    id: "nft-vmap",
    purpose: "finding the service of a packet in one step",
    needs: [NF_TABLES],
    rules: FILTER_CHAIN +
      "add map ip t m { typeof ip daddr . meta l4proto . th dport : verdict; }; " +
      "add rule ip t c ip daddr . meta l4proto . th dport vmap @m",
  },
  {
    id: "nft-reject",
    purpose: "refusing at once where there is no backend (at prerouting: linux 5.9)",
    needs: [["nft_reject_ipv4", "NFT_REJECT_IPV4"]],
    rules: FILTER_CHAIN + "add rule ip t c meta l4proto tcp reject with tcp reset",
  },
  {
    id: "nft-masquerade",
    purpose: "one-arm set-ups, and backends that are clients of their own service",
    needs: [["nft_masq", "NFT_MASQ"], NAT_CHAINS],
    rules: "add table ip t; " +
      "add chain ip t c { type nat hook postrouting priority 95; policy accept; }; " +
      "add rule ip t c masquerade",
  },
  {
    id: "nft-notrack",
    purpose: "sparing conntrack the packets of IPVS, and knowing some by their marks",
    needs: [["nft_ct", "NFT_CT"], ["nft_fib_ipv4", "NFT_FIB_IPV4"], [
      "nft_fib_ipv6",
      "NFT_FIB_IPV6",
    ]],
    rules: "add table ip t; " +
      "add chain ip t c { type filter hook prerouting priority -300; policy accept; }; " +
      "add map ip t m { typeof ip daddr . meta l4proto . th dport : meta mark; }; " +
      "add rule ip t c meta mark set ip daddr . meta l4proto . th dport map @m; " +
      "add rule ip t c ct state invalid ct original ip daddr 192.0.2.1 drop; " +
      "add rule ip t c fib daddr type != local notrack",
  },
  {
    id: "nft-ct-mark",
    purpose: "knowing the backend of an established connection",
    needs: [["nft_ct", "NFT_CT"]],
    rules: FILTER_CHAIN + "add rule ip t c ct mark set ct mark & 0xff0000ff | 0x00000100",
  },
  {
    id: "nft-counter",
    purpose: "counting new connections",
    needs: [NF_TABLES],
    // Until linux 5.17 and 6.2.
    apart: [["nft_counter", "NFT_COUNTER"], ["nft_objref", "NFT_OBJREF"]],
    rules: FILTER_CHAIN + 'add counter ip t n; add rule ip t c counter name "n"',
  },
  {
    id: "nft-interval",
    purpose: "prefixes as VIP, ranges of ports (linux 5.6)",
    needs: [NF_TABLES],
    rules: FILTER_CHAIN +
      "add map ip t m { typeof ip daddr . meta l4proto . th dport : verdict; flags interval; }; " +
      "add element ip t m { 192.0.2.0/24 . tcp . 1-9 : accept }; " +
      "add rule ip t c ip daddr . meta l4proto . th dport vmap @m",
  },
  {
    id: "nft-dynset",
    purpose: "persistence, max_new_per_second",
    needs: [NF_TABLES],
    rules: FILTER_CHAIN +
      "add map ip t m { typeof ip saddr : meta priority; flags dynamic,timeout; size 9; }; " +
      "add rule ip t c update @m { ip saddr timeout 9s : 0:1 }",
  },
  {
    id: "nft-limit",
    purpose: "max_new_per_second",
    needs: [["nft_limit", "NFT_LIMIT"]],
    rules: FILTER_CHAIN +
      "add set ip t s { typeof ip saddr; flags dynamic,timeout; size 9; timeout 9s; }; " +
      "add rule ip t c update @s { ip saddr limit rate over 9/second burst 9 packets } drop",
  },
  {
    // The rule is taken without it, too: then ports would stay as they are. A module until linux 4.19.
    id: "conntrack-sctp",
    purpose: "services of protocol sctp",
    needs: [["nf_conntrack_proto_sctp", "NF_CT_PROTO_SCTP", "part"], NAT_CHAINS],
    rules: NAT_CHAIN + "add rule ip t c meta l4proto sctp dnat to 192.0.2.1:80",
  },
  {
    id: "nft-connlimit",
    purpose: "max_connections (linux 4.19.11)",
    needs: [["nft_connlimit", "NFT_CONNLIMIT"]],
    rules: FILTER_CHAIN + "add rule ip t c ct count over 9 accept",
  },
  {
    id: "nft-queue",
    purpose: "handing packets to the queue worker without iptables",
    needs: [["nft_queue", "NFT_QUEUE"]],
    rules: FILTER_CHAIN + "add rule ip t c queue flags bypass to 1",
  },
  {
    id: "nft-ingress",
    purpose: 'forward = "dr": catching packets where they come in',
    needs: [["nf_tables", "NF_TABLES_NETDEV"]],
    rules: INGRESS_CHAIN + "add rule netdev t c ether type ip accept",
  },
  {
    id: "nft-fwd",
    purpose: 'forward = "dr": sending packets on by link address (linux 4.19)',
    needs: [["nft_fwd_netdev", "NFT_FWD_NETDEV"]],
    rules: INGRESS_CHAIN + 'add rule netdev t c fwd ip to 192.0.2.1 device "lo"',
  },
  {
    id: "nft-ingress-reject",
    purpose:
      'forward = "dr": refusing at once where there is no backend, instead of silence (linux 5.11)',
    needs: [["nft_reject_netdev", "NFT_REJECT_NETDEV"]],
    rules: INGRESS_CHAIN + "add rule netdev t c reject with icmpx type port-unreachable",
  },
];

/**
 * What is answered by its modules alone: trying it out would load them, or shows nothing that their
 * presence does not.
 */
export const PASSIVE_PROBES: readonly Omit<Probe, "rules">[] = [
  {
    // Asking by a dump would load it.
    id: "conntrack-netlink",
    purpose: "counting active connections",
    needs: [["nf_conntrack_netlink", "NF_CT_NETLINK"]],
  },
  { id: "ipvs", purpose: "balancing by IPVS", needs: [IP_VS] },
  ...(["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "mh"] as const).map((name) => ({
    id: `ipvs-${name}`,
    purpose: `the scheduler ${name} of IPVS`,
    needs: [[`ip_vs_${name}`, `IP_VS_${name.toUpperCase()}`], IP_VS] as const,
  })),
  {
    id: "queue",
    purpose: "choosing in user space, by the queue worker",
    needs: [["nfnetlink_queue", "NETFILTER_NETLINK_QUEUE"]],
  },
  {
    id: "xt-queue",
    purpose: "handing packets to the queue worker by iptables, where nft cannot",
    needs: [
      ["xt_NFQUEUE", "NETFILTER_XT_TARGET_NFQUEUE"],
      ["xt_mark", "NETFILTER_XT_MARK"],
      ["iptable_mangle", "IP_NF_MANGLE"],
    ],
  },
  {
    id: "xt-legacy",
    purpose: "the same by iptables, where nft cannot",
    needs: [
      ["iptable_raw", "IP_NF_RAW"],
      ["iptable_mangle", "IP_NF_MANGLE"],
      ["iptable_nat", "IP_NF_NAT"],
      ["xt_CT", "NETFILTER_XT_TARGET_CT"],
      ["xt_conntrack", "NETFILTER_XT_MATCH_CONNTRACK"],
      ["xt_addrtype", "NETFILTER_XT_MATCH_ADDRTYPE"],
    ],
  },
  {
    // A part of ip_vs, not a module.
    id: "ipvs-sctp",
    purpose: "services of protocol sctp on IPVS",
    needs: [["ip_vs_proto_sctp", "IP_VS_PROTO_SCTP", "part"], IP_VS],
  },
];

/** Works wherever nf_tables does: if this fails, it is not the probed expression that is missing. */
export const CONTROL: Pick<Probe, "needs" | "rules"> = {
  needs: [NF_TABLES],
  rules: "add table ip t; add chain ip t c; add rule ip t c accept",
};
