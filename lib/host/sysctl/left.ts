import type { FilesPort } from "../../sys/ports.ts";
import { readSysctl } from "./observe.ts";
import type { Need } from "../need.ts";

/** A sysctl that has to do with balancing, and that lb does not set. */
export interface LeftRule {
  readonly key: string;
  /** What it is as a rule, and good for lb. */
  readonly usual: string;
  readonly when: (need: Need) => boolean;
  /** Why lb leaves it, and what other values mean. */
  readonly why: string;
  readonly source: string;
}

/** One of them, as it is here. */
export interface LeftSysctl {
  readonly key: string;
  readonly usual: string;
  readonly found: string;
  readonly why: string;
  readonly source: string;
}

const isTracked = ({ engines, ipvs_conntrack }: Need) => engines.includes("nft") || ipvs_conntrack;
const isOnIpvs = ({ ipvs }: Need) => ipvs.length > 0;
const isRouted = ({ engines }: Need) => engines.length > 0;

const CONNTRACK = "Documentation/networking/nf_conntrack-sysctl.rst";
const IP = "Documentation/networking/ip-sysctl.rst";
const IPVS = "Documentation/networking/ipvs-sysctl.rst";

/** What `lb doctor` shows beside what lb sets. */
export const LEFT_SYSCTLS: readonly LeftRule[] = [
  {
    key: "net.netfilter.nf_conntrack_max",
    usual: "",
    when: isTracked,
    why:
      "only you know how many connections there will be at once: one and a half times that, 256 " +
      "bytes each and more; lb doctor tells when the table is nearly full",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_buckets",
    usual: "",
    when: isTracked,
    why: "as many as nf_conntrack_max are best; changing it hashes the whole table anew",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_tcp_loose",
    usual: "1",
    when: (need) => isTracked(need) && !need.isTier,
    why: "with 1 the connections of another balancer that failed are picked up; with 0 they end",
    source: `${CONNTRACK}; nf_conntrack_proto_tcp.c`,
  },
  {
    key: "net.netfilter.nf_conntrack_tcp_be_liberal",
    usual: "0",
    when: (need) => isTracked(need) && !need.isTier,
    why: "packets outside the window are dropped before they do harm; 1 where packets of one " +
      "direction pass by another machine",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_tcp_ignore_invalid_rst",
    usual: "0",
    when: isTracked,
    why: "1 lets resets from outside the window end a connection",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_tcp_timeout_established",
    usual: "432000",
    when: isTracked,
    why: "five days: 86400 spares room, and forgets connections that are silent for a day",
    source: CONNTRACK,
  },
  ...["time_wait", "fin_wait", "syn_recv"].map((state): LeftRule => ({
    key: `net.netfilter.nf_conntrack_tcp_timeout_${state}`,
    usual: state === "syn_recv" ? "60" : "120",
    when: isTracked,
    why: "lower only if connections that are just beginning or ending fill the table",
    source: CONNTRACK,
  })),
  {
    key: "net.netfilter.nf_conntrack_udp_timeout",
    usual: "30",
    when: isTracked,
    why: "a client that is silent for longer is balanced anew",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_udp_timeout_stream",
    usual: "120",
    when: isTracked,
    why: "the same for flows that are answered; shorter ones break QUIC",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_acct",
    usual: "0",
    when: isTracked,
    why: "lb asks conntrack for no bytes; 1 takes memory for each connection",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_timestamp",
    usual: "0",
    when: isTracked,
    why: "lb asks conntrack for no times; 1 takes memory for each connection",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_checksum",
    usual: "1",
    when: isTracked,
    why: "with 0 packets with wrong checksums make and move connections",
    source: CONNTRACK,
  },
  {
    key: "net.netfilter.nf_conntrack_log_invalid",
    usual: "0",
    when: isTracked,
    why: "1 and more write a line for each invalid packet, for looking into something",
    source: CONNTRACK,
  },
  {
    key: "net.ipv4.conf.all.src_valid_mark",
    usual: "0",
    when: isRouted,
    why: "1 where routes go by the mark and rp_filter is strict: only you know your routes",
    source: IP,
  },
  {
    key: "net.ipv4.conf.all.arp_ignore",
    usual: "0",
    when: isRouted,
    why:
      "a balancer answers for its VIPs; 1 is for backends with forward = dr: lb doctor --backend",
    source: IP,
  },
  {
    key: "net.ipv4.conf.all.arp_announce",
    usual: "0",
    when: isRouted,
    why: "the same: 2 is for backends with forward = dr",
    source: IP,
  },
  {
    key: "net.ipv4.conf.all.route_localnet",
    usual: "0",
    when: isRouted,
    why: "1 lets packets from outside reach 127.0.0.0/8; no service of lb's takes it",
    source: IP,
  },
  {
    key: "net.ipv4.ip_no_pmtu_disc",
    usual: "0",
    when: isRouted,
    why: "senders learn how much fits on the way; lb passes what they are told",
    source: IP,
  },
  {
    key: "net.ipv4.ip_nonlocal_bind",
    usual: "0",
    when: isRouted,
    why: "1 is for programs on a machine that does not have the VIP yet; it hides mistakes",
    source: IP,
  },
  {
    key: "net.ipv4.ip_local_port_range",
    usual: "32768 60999",
    when: isRouted,
    why: "bounds no port of masqueraded connections: those have 1024 to 65535",
    source: "nf_nat_core.c",
  },
  {
    key: "net.ipv4.fib_multipath_hash_policy",
    usual: "0",
    when: isRouted,
    why: "1 where this machine has several routes to one place: only you know your routes",
    source: IP,
  },
  {
    key: "net.bridge.bridge-nf-call-iptables",
    usual: "0",
    when: isRouted,
    why:
      "1 costs a backend behind a bridge a second where it is its own client, and may be needed " +
      "by others: lb doctor tells where it matters",
    source: "net/bridge/br_netfilter_hooks.c",
  },
  {
    key: "net.core.netdev_max_backlog",
    usual: "1000",
    when: isRouted,
    why: "4096 if /proc/net/softnet_stat counts drops: more only makes packets wait",
    source: "Documentation/admin-guide/sysctl/net.rst",
  },
  {
    key: "net.core.somaxconn",
    usual: "4096",
    when: isRouted,
    why: "no connection ends on the balancer: it is for backends",
    source: IP,
  },
  {
    key: "net.ipv4.tcp_max_syn_backlog",
    usual: "",
    when: isRouted,
    why: "the same: it is for backends",
    source: IP,
  },
  {
    key: "net.ipv4.vs.sloppy_tcp",
    usual: "0",
    when: isOnIpvs,
    why:
      "1 balances connections that IPVS did not see begin: for several balancers with one hash, " +
      "and any stray packet makes an entry",
    source: "net/netfilter/ipvs/ip_vs_proto_tcp.c",
  },
  {
    key: "net.ipv4.vs.schedule_icmp",
    usual: "0",
    when: isOnIpvs,
    why: "1 is for several balancers that share one VIP",
    source: "net/netfilter/ipvs/ip_vs_core.c",
  },
  ...["secure_tcp", "drop_entry", "drop_packet"].map((name): LeftRule => ({
    key: `net.ipv4.vs.${name}`,
    usual: "0",
    when: isOnIpvs,
    why: "1 defends against floods where memory is short, at the cost of connections",
    source: IPVS,
  })),
];

/** Those that concern the services and exist here. Reads only. */
export function leftSysctls(files: FilesPort, need: Need): LeftSysctl[] {
  return LEFT_SYSCTLS.filter(({ when }) => when(need)).flatMap(({ key, usual, why, source }) => {
    const found = readSysctl(files, key)?.replaceAll(/\s+/g, " ");
    return found === undefined ? [] : [{ key, usual, found, why, source }];
  });
}
