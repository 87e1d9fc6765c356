/** Numbers of linux/ip_vs.h (include/uapi). */

/** Name of the generic netlink family. */
export const IPVS_GENL_NAME = "IPVS";

export const CMD = {
  new_service: 1,
  set_service: 2,
  del_service: 3,
  get_service: 4,
  new_dest: 5,
  set_dest: 6,
  del_dest: 7,
  get_dest: 8,
} as const;

export const CMD_ATTR = {
  service: 1,
  dest: 2,
} as const;

export const SVC_ATTR = {
  af: 1,
  protocol: 2,
  addr: 3,
  port: 4,
  fwmark: 5,
  sched_name: 6,
  flags: 7,
  timeout: 8,
  netmask: 9,
} as const;

export const DEST_ATTR = {
  addr: 1,
  port: 2,
  fwd_method: 3,
  weight: 4,
  u_thresh: 5,
  l_thresh: 6,
  active_conns: 7,
  inact_conns: 8,
  addr_family: 11,
  stats64: 12,
  tun_type: 13,
} as const;

/** Inside DEST_ATTR.stats64. */
export const STATS_ATTR = { conns: 1, inbytes: 4, outbytes: 5 } as const;

/** Flags of a virtual service. `sh-fallback` and `mh-fallback` are one bit, and so are their ports. */
export const SVC_F_PERSISTENT = 0x1;
/** Set by the kernel on every service that it has. */
export const SVC_F_HASHED = 0x2;
export const SVC_F_SCHED_FALLBACK = 0x8;
export const SVC_F_SCHED_PORT = 0x10;

/** IP_VS_CONN_F_FWD_MASK, and the ways within it. */
const CONN_F_FWD_MASK = 0x7;
const FORWARDING_NUMBERS = { nat: 0, local: 1, tunnel: 2, dr: 3 } as const;

/** How packets get to a backend, in lb's words; `local` is what the kernel makes of its own addresses. */
export type DestinationForwarding = keyof typeof FORWARDING_NUMBERS;

/** IP_VS_CONN_F_TUNNEL_TYPE_IPIP. */
export const TUNNEL_IPIP = 0;

export function forwardingNumber(forwarding: DestinationForwarding): number {
  return FORWARDING_NUMBERS[forwarding];
}

/** undefined where it is one that lb does not know. */
export function forwardingOf(flags: number): DestinationForwarding | undefined {
  const number = flags & CONN_F_FWD_MASK;
  return (Object.keys(FORWARDING_NUMBERS) as DestinationForwarding[])
    .find((name) => FORWARDING_NUMBERS[name] === number);
}
