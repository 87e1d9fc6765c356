import { fitsMark, idOfMark, type MarkLayout } from "../../model/mark.ts";
import { deleteEntries } from "../../netlink/conntrack/delete.ts";
import { dumpEntries } from "../../netlink/conntrack/dump.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/** IANA protocol number. */
const UDP = 17;

/** A backend that is gone. */
export interface Gone {
  readonly id: number;
  /** Its address in canonical form. */
  readonly address: string;
}

/**
 * Forgets the udp flows of backends that are gone, so that a client's next packet is balanced anew. A
 * rule change alone never moves a flow: it would go to the dead for as long as the client goes on
 * (kubernetes #126130). Established tcp is left to end by itself.
 *
 * @returns how many flows were forgotten
 * @throws {KernelError}
 */
export function flushUdp(sockets: SocketsPort, marks: MarkLayout, gone: readonly Gone[]): number {
  if (gone.length === 0) return 0;
  const ids = new Set(gone.filter(({ id }) => fitsMark(marks, id)).map(({ id }) => id));
  // Ids too large for the mark share one: there the answering address tells.
  const addresses = new Set(
    gone.filter(({ id }) => !fitsMark(marks, id)).map(({ address }) => address),
  );
  const stale = dumpEntries(sockets).filter(({ protocol, mark, reply }) => {
    if (protocol !== UDP) return false;
    const id = idOfMark(marks, mark);
    return fitsMark(marks, id) ? ids.has(id) : addresses.has(reply.src);
  });
  return deleteEntries(sockets, stale);
}
