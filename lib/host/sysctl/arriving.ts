import type { SysctlValues } from "./observe.ts";

/**
 * Values that ip_vs comes with (ip_vs_control_net_init_sysctl(), net/netfilter/ipvs/ip_vs_ctl.c, the same in
 * linux 4.4 and 6.12). Its sysctls are there only when it is loaded: a plan that has it loaded tells by these
 * what will be written, and is made anew when they are there.
 */
const IPVS_DEFAULTS: Readonly<Record<string, string>> = {
  "net.ipv4.vs.conntrack": "0",
  "net.ipv4.vs.conn_reuse_mode": "1",
  "net.ipv4.vs.expire_nodest_conn": "0",
  "net.ipv4.vs.expire_quiescent_template": "0",
  "net.ipv4.vs.pmtu_disc": "1",
  "net.ipv4.vs.snat_reroute": "1",
};

/** What is found, with what comes along with the module. Pure. */
export function withArriving(found: SysctlValues): SysctlValues {
  return new Map([...Object.entries(IPVS_DEFAULTS), ...found]);
}
