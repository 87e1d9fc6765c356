import { idOfMark, type MarkLayout } from "../../model/mark.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import { NETLINK_NETFILTER, withNetlink } from "../request.ts";
import { dumpRequest } from "./dump.ts";
import { readTcpState } from "./entry.ts";
import {
  CTA_MARK,
  CTA_PROTOINFO,
  CTA_STATUS,
  CTA_TIMEOUT,
  IPS_DST_NAT,
  type TcpState,
} from "./protocol.ts";

/** A tcp connection that came to nothing: nobody has answered, or one end has reset it. */
export interface FailedConnection {
  readonly id: number;
  readonly kind: "unanswered" | "reset";
  /** What is left until conntrack forgets it; its last packet has set it to the whole time. */
  readonly timeout_s: number;
}

const KINDS: Partial<Record<TcpState, FailedConnection["kind"]>> = {
  SYN_SENT: "unanswered",
  CLOSE: "reset",
};

/**
 * The tcp connections to backends that came to nothing, as far as conntrack remembers: those that a RST has
 * answered at once it forgets with that (nf_conntrack_tcp_packet()).
 *
 * @throws {KernelError} where the kernel has no conntrack netlink, or without CAP_NET_ADMIN
 */
export function dumpFailed(sockets: SocketsPort, layout: MarkLayout): FailedConnection[] {
  return withNetlink(sockets, NETLINK_NETFILTER, (connection) =>
    connection.dump(
      dumpRequest({}),
      () => new Array<FailedConnection>(),
      (found, { body }) => {
        const one = readFailed(layout, body);
        if (one) found.push(one);
      },
    ));
}

/**
 * Passes over all but four attributes: most entries are of connections that are well. What nobody has translated is
 * not balanced, whatever marks other software gives it.
 */
export function readFailed(layout: MarkLayout, body: DataView): FailedConnection | undefined {
  let [mark, timeout_s, status] = [0, 0, 0];
  let kind: FailedConnection["kind"] | undefined;
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type === CTA_MARK) mark = attribute.u32be();
    else if (attribute.type === CTA_STATUS) status = attribute.u32be();
    else if (attribute.type === CTA_TIMEOUT) timeout_s = attribute.u32be();
    else if (attribute.type === CTA_PROTOINFO) kind = KINDS[readTcpState(attribute) ?? "NONE"];
  });
  const id = idOfMark(layout, mark);
  const isOurs = id !== 0 && (status & IPS_DST_NAT) !== 0;
  return kind && isOurs ? { id, kind, timeout_s } : undefined;
}
