import { idMask, idOfMark, type MarkLayout, markOfId } from "../../model/mark.ts";
import { PROTOCOL_NUMBERS } from "../../model/service.ts";
import { deleteEntries } from "../../netlink/conntrack/delete.ts";
import { type ConntrackFilter, dumpKeys } from "../../netlink/conntrack/dump.ts";
import type { ConntrackEntry } from "../../netlink/conntrack/entry.ts";
import { IPS_DST_NAT } from "../../netlink/conntrack/protocol.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/** A backend that is gone. */
export interface Gone {
  readonly id: number;
  /** Its address in canonical form. */
  readonly address: string;
}

/** Where a backend's id is in marks, and the addresses of those that are gone by that id. */
interface Search {
  readonly layout: MarkLayout;
  /** By the id as the mark has it: ids too large for the mark share one. */
  readonly addresses: ReadonlyMap<number, ReadonlySet<string>>;
}

/**
 * Forgets the udp flows of backends that are gone, so that a client's next packet is balanced anew. A
 * rule change alone never moves a flow: it would go to the dead for as long as the client goes on
 * (kubernetes #126130). Established tcp is left to end by itself.
 *
 * The mark alone does not tell: other software has marks of its own. A flow is lb's if its destination
 * was translated, and answers come from that very backend.
 *
 * @param layouts of all masks that flows may have been marked with
 * @returns how many flows were forgotten
 * @throws {KernelError}
 */
export function flushUdp(
  sockets: SocketsPort,
  layouts: readonly MarkLayout[],
  gone: readonly Gone[],
): number {
  if (gone.length === 0) return 0;
  const searches = layouts.map((layout) => searchFor(layout, gone));
  const stale = dumpKeys(sockets, filterFor(searches), (entry) => isStale(entry, searches));
  return deleteEntries(sockets, stale);
}

function searchFor(layout: MarkLayout, gone: readonly Gone[]): Search {
  const addresses = new Map<number, Set<string>>();
  for (const { id, address } of gone) {
    const marked = Math.min(id, layout.idMax);
    addresses.set(marked, (addresses.get(marked) ?? new Set()).add(address));
  }
  return { layout, addresses };
}

/** The kernel can look for one mark: with 40,000 entries that takes a tenth of reading all of them. */
function filterFor(searches: readonly Search[]): ConntrackFilter {
  const marks = searches.flatMap(({ layout, addresses }) =>
    Array.from(addresses.keys(), (id) => ({ value: markOfId(layout, id), mask: idMask(layout) }))
  );
  return marks.length === 1 ? { mark: marks[0] } : {};
}

function isStale(
  { protocol, status, mark, reply }: ConntrackEntry,
  searches: readonly Search[],
): boolean {
  if (protocol !== PROTOCOL_NUMBERS.udp || (status & IPS_DST_NAT) === 0) return false;
  return searches.some(({ layout, addresses }) =>
    addresses.get(idOfMark(layout, mark))?.has(reply.src) ?? false
  );
}
