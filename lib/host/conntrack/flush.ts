import { idOfMark, type MarkLayout } from "../../model/mark.ts";
import { deleteEntries } from "../../netlink/conntrack/delete.ts";
import { dumpEntries } from "../../netlink/conntrack/dump.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/** IANA protocol number. */
const UDP = 17;

/**
 * Forgets the udp flows of backends that are gone, so that a client's next packet is balanced anew. A
 * rule change alone never moves a flow: it would go to the dead for as long as the client goes on
 * (kubernetes #126130). Established tcp is left to end by itself.
 *
 * @param ids of the backends
 * @returns how many flows were forgotten
 * @throws {KernelError}
 */
export function flushUdp(
  sockets: SocketsPort,
  marks: MarkLayout,
  ids: ReadonlySet<number>,
): number {
  if (ids.size === 0) return 0;
  const stale = dumpEntries(sockets).filter(({ protocol, mark }) =>
    protocol === UDP && ids.has(idOfMark(marks, mark))
  );
  return deleteEntries(sockets, stale);
}
