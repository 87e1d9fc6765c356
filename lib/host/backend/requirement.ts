/**
 * What a backend of a service with `forward = "dr"` must have set: it takes packets that are addressed to
 * the VIP, and must not let its neighbours know that it has that address, or they come past the balancer.
 */

/** A sysctl of IPv4 interfaces, of which the larger of `all` and the interface's own is in force. */
export interface Requirement {
  readonly name: string;
  readonly wanted: string;
  /** Every value that will do. */
  readonly accepts: readonly string[];
  /** Needed only where there are several interfaces with neighbours. */
  readonly ifSeveral: boolean;
  readonly why: string;
  readonly source: string;
}

/** Documentation/networking/ip-sysctl.rst; IN_DEV_MAXCONF in include/linux/inetdevice.h. */
export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: "arp_ignore",
    wanted: "1",
    // 3 tells of addresses with global scope, and those on lo have that; 8 tells not even of its own.
    accepts: ["1", "2"],
    ifSeveral: false,
    why: "answers to ARP only for addresses of the interface that was asked: not for the VIP on lo",
    source: "arp_ignore(), net/ipv4/arp.c",
  },
  {
    name: "arp_announce",
    wanted: "2",
    accepts: ["2"],
    ifSeveral: false,
    why:
      "asks with an address of the interface: else its answers to clients would ask with the VIP, " +
      "and the router would learn it",
    source: "arp_solicit(), net/ipv4/arp.c",
  },
  {
    name: "rp_filter",
    wanted: "2",
    accepts: ["0", "2"],
    ifSeveral: true,
    why: "clients' packets come in from the balancer, their answers may leave by another interface",
    source: "__fib_validate_source(), net/ipv4/fib_frontend.c",
  },
];
