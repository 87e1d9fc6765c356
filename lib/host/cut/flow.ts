import { contains, parseAddress, type Prefix } from "../../model/address.ts";
import { fitsMark, idMask, idOfMark, type MarkLayout, markOfId } from "../../model/mark.ts";
import { type PortRange, type Protocol, PROTOCOL_NUMBERS } from "../../model/service.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { type ConntrackFilter, dumpWhereThere } from "../../netlink/conntrack/dump.ts";
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
 * @param onBlind is called where the kernel shows nobody what conntrack knows: those are not among them then
 * @throws {KernelError} where the kernel cannot be asked
 */
export function findFlows(
  { sockets, files }: Pick<Kernel, "sockets" | "files">,
  layouts: readonly MarkLayout[],
  sought: readonly Sought[],
  onBlind: () => void = () => {},
): Flow[] {
  if (sought.length === 0) return [];
  const find = finderOf(layouts, sought);
  const translated = dumpWhereThere(sockets, filterFor(layouts, sought), (entry) => {
    const id = idIn(entry, find);
    return id === undefined ? undefined : translatedFlow(id, entry);
  }, onBlind);
  const there = Map.groupBy(sought, ({ address }) => address);
  const balanced = readIpvsFlows(files).flatMap((flow) =>
    ipvsFlows(flow, there.get(flow.backend.address) ?? [])
  ).toArray();
  return [...translated, ...balanced];
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

/**
 * The kernel can look for what the marks have in common: with 40,000 entries, looking for one mark takes a tenth
 * of reading all of them.
 */
function filterFor(layouts: readonly MarkLayout[], sought: readonly Sought[]): ConntrackFilter {
  const [layout, ...others] = layouts;
  if (!layout || others.length > 0) return {};
  const marks = sought.map(({ id }) => markOfId(layout, id));
  const [all, any] = [marks.reduce((a, b) => a & b), marks.reduce((a, b) => a | b)];
  const mask = (idMask(layout) & ~(all ^ any)) >>> 0;
  return mask === 0 ? {} : { mark: { value: (all & mask) >>> 0, mask } };
}

/** Of an entry, those it may belong to: one as a rule. */
type Find = (entry: Pick<ConntrackEntry, "mark" | "reply">) => Iterable<Candidate>;

/** A backend that has the entry's mark and address. */
interface Candidate {
  readonly one: Sought;
  /** Ids too large for the mark share one. */
  readonly isShared: boolean;
}

/** Entries come by the million: none is compared with every backend. */
function finderOf(layouts: readonly MarkLayout[], sought: readonly Sought[]): Find {
  const tables = layouts.map((layout) => {
    const byMark = Map.groupBy(sought, ({ id }) => Math.min(id, layout.idMax));
    const known = new Map([...byMark].map(([id, some]) => [id, byAddress(some, layout)]));
    return { layout, known };
  });
  return ({ mark, reply }) =>
    tables.flatMap(({ layout, known }) => known.get(idOfMark(layout, mark))?.get(reply.src) ?? []);
}

function byAddress(some: readonly Sought[], layout: MarkLayout): Map<string, Candidate[]> {
  const candidates = some.map((one) => ({ one, isShared: !fitsMark(layout, one.id) }));
  return Map.groupBy(candidates, ({ one }) => one.address);
}

function idIn(entry: ConntrackEntry, find: Find): number | undefined {
  const { protocol, status, orig, reply, tcp_state } = entry;
  if ((status & IPS_DST_NAT) === 0 || isEnded(tcp_state)) return undefined;
  for (const { one, isShared } of find(entry)) {
    if (PROTOCOL_NUMBERS[one.protocol] !== protocol) continue;
    if (!isShared || isOwn(one, { orig, reply })) return one.id;
  }
  return undefined;
}

/** What the client asked for, and where it was sent, tell those apart that share a mark. */
function isOwn(one: Sought, { orig, reply }: Pick<ConntrackEntry, "orig" | "reply">): boolean {
  return reply.sport === (one.port ?? orig.dport) && isAsked(one, orig.dst, orig.dport);
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
