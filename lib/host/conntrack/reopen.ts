import { contains, type Prefix } from "../../model/address.ts";
import { type PortRange, PROTOCOL_NUMBERS } from "../../model/service.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { dumpKeys } from "../../netlink/conntrack/dump.ts";
import type { ConntrackEntry } from "../../netlink/conntrack/entry.ts";
import { letReopen } from "../../netlink/conntrack/reopen.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/** A backend that takes no new connections, as a service's packets come to it. */
export interface Retired {
  readonly vip: Prefix;
  readonly ports: PortRange;
  readonly backend: string;
  /** undefined keeps the port the client asked for. */
  readonly backend_port?: number;
}

/**
 * Has conntrack give the ports of tcp connections free that IPVS has at backends which take no new ones.
 * IPVS drops the SYN of a client that uses such a port again while conntrack has its old entry
 * (ip_vs_in_hook(), expire_nodest_conn), and the client waits a second. Established connections go on.
 *
 * @returns how many there were
 * @throws {KernelError}
 */
export function freePorts(sockets: SocketsPort, retired: readonly Retired[]): number {
  if (retired.length === 0) return 0;
  const byBackend = Map.groupBy(retired, ({ backend }) => backend);
  const entries = dumpKeys(
    sockets,
    {},
    (entry) =>
      entry.protocol === PROTOCOL_NUMBERS.tcp && !isEnded(entry.tcp_state) &&
      (byBackend.get(entry.reply.src)?.some((one) => isOf(one, entry)) ?? false),
  );
  return letReopen(sockets, entries);
}

function isOf({ vip, ports, backend_port }: Retired, entry: ConntrackEntry): boolean {
  const { family, orig: { dst, dport }, reply: { sport } } = entry;
  return ports.first <= dport && dport <= ports.last && sport === (backend_port ?? dport) &&
    contains(vip, { family, text: dst });
}
