import type { Family } from "../../model/address.ts";
import type { EngineName } from "../../model/service.ts";
import type { Interface } from "../interface.ts";

/** What the services of a config ask of the host, taken together. */
export interface Need {
  readonly engines: readonly EngineName[];
  readonly families: readonly Family[];
  /** Some service rewrites the source address too. */
  readonly masquerade: boolean;
}

/** No service at all: everything goes back to what it was. */
export const NO_NEED: Need = { engines: [], families: [], masquerade: false };

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
  /** First kernel on which the value means this. */
  readonly since: string;
  readonly why: string;
  readonly source: string;
  readonly risk: string;
}

const off = (found: string) => Number(found) === 0;
const on = (found: string) => Number(found) !== 0;
const is = (value: string) => (found: string) => found === value;

/** Whether one of the engines serves VIPs of this family. */
const serves = (family: Family, ...engines: readonly EngineName[]) => (need: Need) =>
  need.families.includes(family) && engines.some((engine) => need.engines.includes(engine));

/** In the order they are written; undone the other way round. */
export const SYSCTL_RULES: readonly Rule[] = [
  {
    key: "net.ipv4.ip_forward",
    value: "1",
    when: serves(4, "nft"),
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
    when: serves(6, "nft"),
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
    when: serves(6, "nft"),
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
    when: serves(4, "nft"),
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
    when: serves(4, "nft"),
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
    when: serves(4, "nft"),
    replaces: on,
    since: "2.2",
    why: "a redirect sends clients past the load balancer, and takes the place of a refusal",
    source: "IN_DEV_TX_REDIRECTS, include/linux/inetdevice.h: all or interface suffices to send",
    risk: "hosts on the same link are not told of shorter ways",
  },
  {
    key: "net.ipv4.conf.*.send_redirects",
    value: "0",
    when: serves(4, "nft"),
    replaces: on,
    on: ({ link }) => !link.loopback && link.addresses.some(({ family }) => family === 4),
    since: "2.2",
    why: "a redirect sends clients past the load balancer, and takes the place of a refusal",
    source: "IN_DEV_TX_REDIRECTS, include/linux/inetdevice.h: all or interface suffices to send",
    risk: "hosts on the same link are not told of shorter ways",
  },
];
