import { contains, parseAddress, type Prefix } from "../../model/address.ts";
import { idOfMark, type MarkLayout } from "../../model/mark.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { dumpKeys } from "../../netlink/conntrack/dump.ts";
import { IPS_DST_NAT } from "../../netlink/conntrack/protocol.ts";
import type { SocketsPort } from "../../sys/ports.ts";

/** Connections that are looked for. */
export interface Translated {
  /** In which their marks may be. */
  readonly layouts: readonly MarkLayout[];
  /** Answers come from one of these, in canonical form: others mark their connections, too. */
  readonly backends: ReadonlySet<string>;
  /** Clients asked one of these. @default whatever they asked */
  readonly vips?: readonly Prefix[];
}

/**
 * Who answers connections that go on and that lb's rules have translated. Of the connections nothing is kept.
 *
 * @returns addresses of backends, in canonical form
 * @throws {KernelError} where the kernel has no conntrack netlink, or without CAP_NET_ADMIN
 */
export function translatedTo(
  sockets: SocketsPort,
  { layouts, backends, vips }: Translated,
): ReadonlySet<string> {
  const isAsked = (text: string) => {
    const address = parseAddress(text);
    return !vips || address !== undefined && vips.some((vip) => contains(vip, address));
  };
  const isOurs = (mark: number) => layouts.some((marks) => idOfMark(marks, mark) !== 0);
  const translated = { value: IPS_DST_NAT, mask: IPS_DST_NAT };
  const found = new Set<string>();
  dumpKeys(sockets, { status: translated }, ({ status, mark, orig, reply, tcp_state }) => {
    const isWanted = (status & IPS_DST_NAT) !== 0 && isOurs(mark) && !isEnded(tcp_state) &&
      backends.has(reply.src) && isAsked(orig.dst);
    if (isWanted) found.add(reply.src);
    return false;
  });
  return found;
}
