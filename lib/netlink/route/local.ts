import { addressBytes, formatPrefix, fullLength, type Prefix } from "../../model/address.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { DecodeError } from "../attribute_reader.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../codec.ts";
import { familyNumber } from "../family.ts";
import { NETLINK_ROUTE, type NetlinkConnection, type Request, withNetlink } from "../request.ts";
import { changes } from "./change.ts";
import { NO_ROUTE, RTA_DST, RTA_OIF, RTM_GETROUTE, RTMSG_BYTES, RTN_LOCAL } from "./rtmsg.ts";

/** linux/rtnetlink.h. */
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RT_TABLE_LOCAL = 255;
const RTPROT_STATIC = 4;
const RT_SCOPE_HOST = 254;
/** The answer is the entry of the table, not what follows from it (linux 4.13). */
const RTM_F_FIB_MATCH = 0x2000;

/** Of these prefixes, those that a route makes this machine's own as a whole. @throws {KernelError} */
export function localPrefixes(sockets: SocketsPort, prefixes: readonly Prefix[]): Prefix[] {
  if (prefixes.length === 0) return [];
  return withNetlink(
    sockets,
    NETLINK_ROUTE,
    (connection) => prefixes.filter((prefix) => isLocal(connection, prefix)),
  );
}

function isLocal(connection: NetlinkConnection, prefix: Prefix): boolean {
  const header = rtmsg(prefix, { length: fullLength(prefix.family), flags: RTM_F_FIB_MATCH });
  let isFound = false;
  const request = requestOf("look up", RTM_GETROUTE, header, prefix);
  connection.transactUnless(
    NO_ROUTE,
    request,
    ({ body }) => isFound = isLocalRoute(body, prefix.length),
  );
  return isFound;
}

/** Whether an RTM_NEWROUTE is one that makes exactly such a prefix local. @throws {DecodeError} */
export function isLocalRoute(body: DataView, length: number): boolean {
  if (body.byteLength < RTMSG_BYTES) throw new DecodeError("a route without a header");
  return body.getUint8(7) === RTN_LOCAL && body.getUint8(1) === length;
}

/**
 * Makes all addresses of a prefix this machine's own: for packets that a router sends here.
 *
 * @param ifindex of the loopback interface
 * @returns `exists` where there is such a route already
 * @throws {KernelError}
 */
export function addLocalRoute(
  sockets: SocketsPort,
  ifindex: number,
  prefix: Prefix,
): "added" | "exists" {
  const request = change("add", RTM_NEWROUTE, ifindex, prefix);
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return changes(sockets, { ...request, flags }, ["EEXIST"]) ? "added" : "exists";
}

/** Takes such a route away. @returns `absent` where there is none @throws {KernelError} */
export function deleteLocalRoute(
  sockets: SocketsPort,
  ifindex: number,
  prefix: Prefix,
): "deleted" | "absent" {
  const request = change("delete", RTM_DELROUTE, ifindex, prefix);
  return changes(sockets, request, ["ESRCH", "ENODEV"]) ? "deleted" : "absent";
}

function change(operation: string, type: number, ifindex: number, prefix: Prefix): Request {
  const header = rtmsg(prefix, {
    ...{ length: prefix.length, table: RT_TABLE_LOCAL, protocol: RTPROT_STATIC },
    ...{ scope: RT_SCOPE_HOST, type: RTN_LOCAL },
  });
  return requestOf(operation, type, header, prefix, ifindex);
}

function requestOf(
  operation: string,
  type: number,
  header: Uint8Array,
  prefix: Prefix,
  ifindex?: number,
): Request {
  return {
    ...{ operation, object: `local route ${formatPrefix(prefix)}`, type, header },
    attributes(writer) {
      writer.bytes(RTA_DST, addressBytes(prefix));
      if (ifindex !== undefined) writer.u32(RTA_OIF, ifindex);
    },
  };
}

/** struct rtmsg; what is not said is 0. */
function rtmsg(
  { family }: Prefix,
  fields: {
    readonly length: number;
    readonly table?: number;
    readonly protocol?: number;
    readonly scope?: number;
    readonly type?: number;
    readonly flags?: number;
  },
): Uint8Array {
  const { length, table = 0, protocol = 0, scope = 0, type = 0, flags = 0 } = fields;
  const header = new Uint8Array(RTMSG_BYTES);
  header.set([familyNumber(family), length, 0, 0, table, protocol, scope, type]);
  new DataView(header.buffer).setUint32(8, flags, true);
  return header;
}
