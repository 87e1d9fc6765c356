import type { Family } from "../../model/address.ts";
import type { Forwarding } from "../../model/service.ts";
import type { Interface } from "../interface.ts";
import type { Need } from "../need.ts";
import { hasFix } from "./kernel.ts";

/** What a rule may ask of one interface. */
export interface Candidate {
  readonly link: Interface;
  /** A value as it was before lb changed it; for an interface that came later, as it would have been. */
  original(pattern: string): string | undefined;
}

/** A key the kernel moves along when another one is written. */
export interface Companion {
  /** A key, or a pattern over interfaces and `default`. */
  readonly key: string;
  /** What it becomes when the rule's value is written. */
  readonly becomes: string;
  /** What it becomes when the rule's key goes back. */
  readonly reverts: string;
}

/** One sysctl, or one per interface, with all that is known about it. */
export interface Rule {
  /** As sysctl(8) spells it; `*` stands for an interface. */
  readonly key: string;
  readonly value: string;
  /** Whether these services need it at all. */
  readonly when: (need: Need) => boolean;
  /** Whether a value found has to be replaced. What is good enough is left as it is. */
  readonly replaces: (found: string) => boolean;
  /** Rules per interface: on which it is needed. @default all */
  readonly on?: (candidate: Candidate) => boolean;
  readonly companions?: readonly Companion[];
  /** A kernel without the key needs no value for it. */
  readonly optional?: boolean;
  /** First kernel on which the value means this. */
  readonly since: string;
  readonly why: string;
  readonly source: string;
  readonly risk: string;
}

const off = (found: string) => Number(found) === 0;
const on = (found: string) => Number(found) !== 0;
const is = (value: string) => (found: string) => found === value;

/** Whether packets for VIPs of this family are translated and sent on. */
const translates = (family: Family) => (need: Need) =>
  need.families.includes(family) && (need.engines.includes("nft") || need.ipvs.includes("nat"));

/** Whether services on IPVS forward by one of these ways. */
const onIpvs = (...ways: readonly Forwarding[]) => ({ ipvs }: Need) =>
  ways.some((way) => ipvs.includes(way));

/** Whether any service is on IPVS. */
const isOnIpvs = onIpvs("nat", "dr", "tunnel");

/**
 * With conntrack, 1 drops a SYN whose port has an old entry in any state but TIME_WAIT and CLOSE, and before
 * f0a5e4d7a594 in these too. Between the two changes 0 would send new connections to backends with weight 0.
 */
function reuseMode({ ipvs_conntrack, kernel }: Need): "0" | "1" {
  if (!ipvs_conntrack) return "1";
  if (hasFix("weight 0 without reuse mode", kernel)) return "0";
  return hasFix("reuse with conntrack", kernel) ? "1" : "0";
}

/** What is of no family: one table of connections serves both. These keys come with the module. */
const IPVS_RULES: readonly Rule[] = [
  {
    key: "net.ipv4.vs.conntrack",
    value: "0",
    when: (need) => isOnIpvs(need) && !need.ipvs_conntrack,
    replaces: on,
    optional: true,
    since: "2.6.37",
    why:
      "with conntrack entries, a client that uses a port again waits a second for its connection",
    source: "is_new_conn_expected(), net/netfilter/ipvs/ip_vs_core.c; linux f0a5e4d7a594 (5.9)",
    risk: "rules that match connections by their state do not see balanced ones",
  },
  {
    key: "net.ipv4.vs.conntrack",
    value: "1",
    when: (need) => isOnIpvs(need) && need.ipvs_conntrack,
    replaces: off,
    optional: true,
    since: "2.6.37",
    why: "masquerading is conntrack's work, and rules that look at states ask it",
    source: "ip_vs_update_conntrack(), net/netfilter/ipvs/ip_vs_nfct.c",
    risk: "an entry for each connection",
  },
  {
    key: "net.ipv4.vs.conn_reuse_mode",
    value: "1",
    when: (need) => isOnIpvs(need) && reuseMode(need) === "1",
    replaces: (found) => found !== "1",
    optional: true,
    since: "4.1",
    why:
      "a port that is used again after its connection has ended is a new connection, balanced anew",
    source: "Documentation/networking/ipvs-sysctl.rst; linux d752c3645717",
    risk: "none without conntrack entries",
  },
  {
    key: "net.ipv4.vs.conn_reuse_mode",
    value: "0",
    when: (need) => isOnIpvs(need) && reuseMode(need) === "0",
    replaces: on,
    optional: true,
    since: "4.1",
    why:
      "with conntrack entries, 1 has a client that uses a port again wait a second for its connection",
    source: "ip_vs_in_hook(), net/netfilter/ipvs/ip_vs_core.c; linux c95c07836fa4 (5.16)",
    risk: "a port that is used again stays at its backend while that one takes connections",
  },
  {
    key: "net.ipv4.vs.conn_reuse_old_conntrack",
    value: "1",
    when: onIpvs("nat"),
    replaces: off,
    optional: true,
    since: "TencentOS 3.1",
    why:
      "a port that is used again keeps its old conntrack entry, and its first packet is not dropped",
    source: "TencentOS kernel; mainline has linux f0a5e4d7a594 (5.9) in its place",
    risk: "marks of the old connection hold for the new one",
  },
  {
    key: "net.ipv4.vs.expire_nodest_conn",
    value: "1",
    when: isOnIpvs,
    replaces: off,
    optional: true,
    since: "2.6.13",
    why: "packets for a backend that was deleted end their connection, in place of vanishing",
    source: "Documentation/networking/ipvs-sysctl.rst; linux 04231e52d355 (5.9)",
    risk: "connections end where somebody deletes a backend by hand and puts it back",
  },
  {
    key: "net.ipv4.vs.expire_quiescent_template",
    value: "1",
    when: ({ ipvs_persistence }) => ipvs_persistence,
    replaces: off,
    optional: true,
    since: "2.6.14",
    why: "a client that is remembered at a backend with weight 0 goes to another",
    source: "Documentation/networking/ipvs-sysctl.rst",
    risk: "sessions that live on one backend end with its weight",
  },
  {
    key: "net.ipv4.vs.pmtu_disc",
    value: "1",
    when: onIpvs("tunnel"),
    replaces: off,
    optional: true,
    since: "2.6.39",
    why: "senders learn how much fits through the tunnel",
    source: "Documentation/networking/ipvs-sysctl.rst",
    risk: "where ICMP is filtered, large packets are lost",
  },
  {
    key: "net.ipv4.vs.snat_reroute",
    value: "1",
    when: onIpvs("nat"),
    replaces: off,
    optional: true,
    since: "2.6.39",
    why: "answers go the way of the VIP, not of the backend",
    source: "Documentation/networking/ipvs-sysctl.rst",
    risk: "a look at the routes for each answer",
  },
  {
    key: "net.ipv4.vs.run_estimation",
    value: "1",
    when: isOnIpvs,
    replaces: off,
    optional: true,
    since: "5.18",
    why: "without it nothing is counted",
    source: "Documentation/networking/ipvs-sysctl.rst; net/netfilter/ipvs/ip_vs_est.c",
    risk: "adding up takes time where there are ten thousands of backends",
  },
];

/** In the order they are written; undone the other way round. */
export const SYSCTL_RULES: readonly Rule[] = [
  {
    key: "net.ipv4.ip_forward",
    value: "1",
    when: translates(4),
    replaces: off,
    // inet_forward_change(), net/ipv4/devinet.c. Written before anything else, because of these.
    companions: [
      { key: "net.ipv4.conf.all.accept_redirects", becomes: "0", reverts: "1" },
      { key: "net.ipv4.conf.*.forwarding", becomes: "1", reverts: "0" },
    ],
    since: "2.0",
    why: "packets for a VIP go on to a backend",
    source: "Documentation/networking/ip-sysctl.rst, net/ipv4/devinet.c",
    risk: "the machine routes between its networks; large receive offload goes off and stays off",
  },
  {
    key: "net.ipv6.conf.*.accept_ra",
    value: "2",
    when: translates(6),
    replaces: is("1"),
    // 1 means "unless forwarding". So exactly where advertisements are taken today, and forwarding
    // would end that, 2 keeps things as they are; elsewhere it would start something new.
    on: ({ link, original }) =>
      link.up && !link.loopback && original("net.ipv6.conf.*.forwarding") === "0",
    since: "2.6.37",
    why: "router advertisements stay in force with forwarding on, and with them the default route",
    source: "ipv6_accept_ra(), include/net/ipv6.h; rt6_purge_dflt_routers(), net/ipv6/route.c",
    risk: "the machine keeps trusting its routers, as it did before",
  },
  {
    key: "net.ipv6.conf.all.forwarding",
    value: "1",
    when: translates(6),
    replaces: off,
    // addrconf_forward_change(), net/ipv6/addrconf.c.
    companions: [{ key: "net.ipv6.conf.*.forwarding", becomes: "1", reverts: "0" }],
    since: "2.2",
    why: "packets for a VIP go on to a backend",
    source: "Documentation/networking/ip-sysctl.rst, net/ipv6/addrconf.c",
    risk: "the machine routes between its networks",
  },
  {
    key: "net.ipv4.conf.all.rp_filter",
    value: "2",
    when: translates(4),
    replaces: is("1"),
    since: "2.6.31",
    why: "answers may come in elsewhere than the route to their sender goes out",
    source:
      "__fib_validate_source(), net/ipv4/fib_frontend.c: the larger of all and interface holds",
    risk: "sources are only checked for being routable at all",
  },
  {
    key: "net.ipv4.conf.*.rp_filter",
    value: "2",
    when: translates(4),
    replaces: is("1"),
    // What comes in on lo has its route already, and is not checked.
    on: ({ link }) => !link.loopback,
    since: "2.6.31",
    why: "answers may come in elsewhere than the route to their sender goes out",
    source:
      "__fib_validate_source(), net/ipv4/fib_frontend.c: the larger of all and interface holds",
    risk: "sources are only checked for being routable at all",
  },
  {
    key: "net.ipv4.conf.all.send_redirects",
    value: "0",
    when: translates(4),
    replaces: on,
    since: "2.2",
    why: "a redirect sends clients past the load balancer, and takes the place of a refusal",
    source: "IN_DEV_TX_REDIRECTS, include/linux/inetdevice.h: all or interface suffices to send",
    risk: "hosts on the same link are not told of shorter ways",
  },
  {
    key: "net.ipv4.conf.*.send_redirects",
    value: "0",
    when: translates(4),
    replaces: on,
    on: ({ link }) => !link.loopback && link.addresses.some(({ family }) => family === 4),
    since: "2.2",
    why: "a redirect sends clients past the load balancer, and takes the place of a refusal",
    source: "IN_DEV_TX_REDIRECTS, include/linux/inetdevice.h: all or interface suffices to send",
    risk: "hosts on the same link are not told of shorter ways",
  },
  ...IPVS_RULES,
  {
    key: "net.netfilter.nf_conntrack_tcp_loose",
    value: "1",
    when: (need) => need.isTier && need.engines.includes("nft"),
    replaces: off,
    optional: true,
    since: "2.6.9",
    why: "a connection that another load balancer began is picked up in the middle",
    source: "Documentation/networking/nf_conntrack-sysctl.rst; nf_conntrack_proto_tcp.c",
    risk: "packets of no known connection begin one: the backend answers them with a reset",
  },
  {
    key: "net.netfilter.nf_conntrack_tcp_be_liberal",
    value: "1",
    when: (need) => need.isTier && need.engines.includes("nft"),
    replaces: off,
    optional: true,
    since: "2.6.9",
    why: "a connection that comes back from another load balancer has moved on, and is not invalid",
    source: "Documentation/networking/nf_conntrack-sysctl.rst; tcp_in_window()",
    risk: "packets outside the window pass: the ends have to tell",
  },
  {
    key: "net.netfilter.nf_conntrack_events",
    value: "1",
    when: ({ isCounted }) => isCounted,
    replaces: (found) => found !== "1",
    optional: true,
    since: "2.6.31",
    why: "the queue worker hears of every connection, also of those from before it listened",
    source: "linux 2794cdb0b97b (5.19); nf_ct_ecache_ext_add()",
    risk: "some bytes more for each entry",
  },
];
