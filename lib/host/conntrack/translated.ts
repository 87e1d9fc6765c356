import { idOfMark, type MarkLayout } from "../../model/mark.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { dumpKeys } from "../../netlink/conntrack/dump.ts";
import { IPS_DST_NAT } from "../../netlink/conntrack/protocol.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/**
 * Whether any connection goes on that lb's rules have translated. Its mark alone does not tell, as others
 * mark theirs: answers come from one of these addresses.
 *
 * @param addresses of backends, in canonical form
 * @throws {KernelError} where the kernel has no conntrack netlink, or without CAP_NET_ADMIN
 */
export function hasTranslated(
  sockets: SocketsPort,
  layout: MarkLayout,
  addresses: ReadonlySet<string>,
): boolean {
  const translated = { value: IPS_DST_NAT, mask: IPS_DST_NAT };
  return dumpKeys(
    sockets,
    { status: translated },
    ({ status, mark, reply, tcp_state }) =>
      (status & IPS_DST_NAT) !== 0 && idOfMark(layout, mark) !== 0 && !isEnded(tcp_state) &&
      addresses.has(reply.src),
  ).length > 0;
}
