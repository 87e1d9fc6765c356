import { contains, parseAddress, type Prefix } from "../../model/address.ts";
import { fitsMark, idMask, idOfMark, type MarkLayout, markOfId } from "../../model/mark.ts";
import { isRefusal } from "../../model/error.ts";
import { type PortRange, type Protocol, PROTOCOL_NUMBERS } from "../../model/service.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { type ConntrackFilter, dumpSome } from "../../netlink/conntrack/dump.ts";
import type { ConntrackEntry, EntryKey } from "../../netlink/conntrack/entry.ts";
import { IPS_DST_NAT } from "../../netlink/conntrack/protocol.ts";
import type { Tuple } from "../../netlink/conntrack/tuple.ts";
import type { Kernel } from "../../sys/ports.ts";
import { type IpvsFlow, isOver, readIpvsFlows } from "./ipvs_flow.ts";

/** A backend whose connections are looked for, as its service's packets come to it. */
export interface Sought {
  /** In conntrack marks. */
  readonly id: number;
  readonly protocol: Protocol;
  readonly vips: readonly Prefix[];
  readonly ports: readonly PortRange[];
  /** Its address in canonical form. */
  readonly address: string;
  /** undefined keeps the port the client asked for. */
  readonly port?: number;
}

/** A connection that goes on, as the packets of both ends look where they come in. */
export interface Flow {
  readonly id: number;
  readonly family: 4 | 6;
  readonly protocol: number;
  /** From the client to the VIP. */
  readonly request: Tuple;
  /** From the backend to where it thinks the client is. */
  readonly reply: Tuple;
  /** Conntrack's record of it, where it has one. */
  readonly entry?: EntryKey;
  /** IPVS has it in its own table. */
  readonly isIpvs: boolean;
}

/**
 * The connections of backends that go on: those that conntrack translates, by lb's mark, and those in IPVS's
 * table. Where packets are sent on as they are (nft, `forward = "dr"`) there is no table of them.
 *
 * @param layouts in which marks may be
 * @throws {KernelError} where the kernel cannot be asked
 */
export function findFlows(
  { sockets, files }: Pick<Kernel, "sockets" | "files">,
  layouts: readonly MarkLayout[],
  sought: readonly Sought[],
): Flow[] {
  if (sought.length === 0) return [];
  const translated = dumpWhereThere(sockets, filterFor(layouts, sought), (entry) => {
    const id = idIn(entry, layouts, sought);
    return id === undefined ? undefined : translatedFlow(id, entry);
  });
  return [...translated, ...readIpvsFlows(files).flatMap((flow) => ipvsFlows(flow, sought))];
}

/** With what conntrack knows of those in IPVS's table: it may have given them other addresses. */
export function withEntries(
  { sockets }: Pick<Kernel, "sockets">,
  flows: readonly Flow[],
): Flow[] {
  const unknown = flows.filter(({ isIpvs }) => isIpvs);
  if (unknown.length === 0) return [...flows];
  const names = new Set(unknown.map(nameOf));
  const entries = dumpWhereThere(
    sockets,
    {},
    (entry) =>
      names.has(nameOf({ protocol: entry.protocol, request: entry.orig })) ? entry : undefined,
  );
  const byName = new Map(
    entries.map((entry) => [nameOf({ protocol: entry.protocol, request: entry.orig }), entry]),
  );
  return flows.map((flow) => {
    const entry = flow.isIpvs ? byName.get(nameOf(flow)) : undefined;
    return entry ? { ...flow, entry, reply: entry.reply } : flow;
  });
}

/** IPVS does without conntrack, and so do kernels that have nothing else. */
function dumpWhereThere<Picked>(...dump: Parameters<typeof dumpSome<Picked>>): Picked[] {
  try {
    return dumpSome(...dump);
  } catch (error) {
    if (isRefusal(error, NO_CONNTRACK)) return [];
    throw error;
  }
}

/** What a kernel says that has no conntrack netlink (nfnetlink_rcv_msg, net/netfilter/nfnetlink.c). */
const NO_CONNTRACK = ["EINVAL", "EOPNOTSUPP", "EPROTONOSUPPORT", "ENOENT"];

/** The kernel can look for one mark: with 40,000 entries that takes a tenth of reading all of them. */
function filterFor(layouts: readonly MarkLayout[], sought: readonly Sought[]): ConntrackFilter {
  const [layout, ...others] = layouts;
  const ids = new Set(sought.map(({ id }) => id));
  if (!layout || others.length > 0 || ids.size > 1) return {};
  return { mark: { value: markOfId(layout, sought[0]!.id), mask: idMask(layout) } };
}

function idIn(
  { protocol, status, mark, orig, reply, tcp_state }: ConntrackEntry,
  layouts: readonly MarkLayout[],
  sought: readonly Sought[],
): number | undefined {
  if ((status & IPS_DST_NAT) === 0 || isEnded(tcp_state)) return undefined;
  return sought.find((one) =>
    one.address === reply.src && PROTOCOL_NUMBERS[one.protocol] === protocol &&
    layouts.some((layout) =>
      idOfMark(layout, mark) === Math.min(one.id, layout.idMax) &&
      // Ids too large for the mark share one: what the client asked for tells them apart.
      (fitsMark(layout, one.id) || isAsked(one, orig.dst, orig.dport))
    )
  )?.id;
}

function isAsked({ vips, ports }: Sought, text: string, port: number): boolean {
  const address = parseAddress(text);
  return address !== undefined && vips.some((vip) => contains(vip, address)) &&
    ports.some(({ first, last }) => first <= port && port <= last);
}

function translatedFlow(id: number, entry: ConntrackEntry): Flow {
  const { family, protocol, orig, reply } = entry;
  return { id, family, protocol, request: orig, reply, entry, isIpvs: false };
}

function ipvsFlows(flow: IpvsFlow, sought: readonly Sought[]): Flow[] {
  if (isOver(flow)) return [];
  const { family, protocol, client, vip, backend } = flow;
  const found = sought.find((one) =>
    PROTOCOL_NUMBERS[one.protocol] === protocol && one.address === backend.address &&
    backend.port === (one.port ?? vip.port) && isAsked(one, vip.address, vip.port)
  );
  if (!found) return [];
  const request = tupleOf(client, vip);
  return [{
    id: found.id,
    family,
    protocol,
    request,
    reply: tupleOf(backend, client),
    isIpvs: true,
  }];
}

function tupleOf(from: IpvsFlow["client"], to: IpvsFlow["client"]): Tuple {
  return { src: from.address, sport: from.port, dst: to.address, dport: to.port };
}

function nameOf({ protocol, request }: Pick<Flow, "protocol" | "request">): string {
  const { src, sport, dst, dport } = request;
  return `${protocol} ${src} ${sport} ${dst} ${dport}`;
}
