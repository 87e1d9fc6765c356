import type { SocketsPort } from "../../sys/ports.ts";
import { type AttributeReader, DecodeError, readAttributes } from "../attribute_reader.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import { NETLINK_ROUTE, withNetlink } from "../request.ts";

/** linux/rtnetlink.h, if_link.h, if.h. */
const RTM_GETLINK = 18;
const IFINFOMSG_BYTES = 16;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_EXT_MASK = 29;
const IFLA_INFO_KIND = 1;
const RTEXT_FILTER_SKIP_STATS = 8;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;

/** ARPHRD_ETHER: the type of an interface that speaks ARP, and that packet/ builds frames for. */
export const LINK_TYPE_ETHER = 1;

/** One network interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_* of linux/if_arp.h: 1 is ethernet, 772 loopback. */
  readonly type: number;
  readonly isUp: boolean;
  readonly isLoopback: boolean;
  /** Its hardware address: 6 bytes on ethernet; undefined where it has none. */
  readonly mac?: Uint8Array;
  /** For instance `veth`, `bridge`, `dummy`; undefined for hardware. */
  readonly kind?: string;
  /** The bridge, bond or the like that what comes in here goes to. */
  readonly master?: number;
}

/** The interfaces of the network namespace, by index. @throws {KernelError} */
export function listLinks(sockets: SocketsPort): Link[] {
  const request = {
    operation: "list",
    object: "interfaces",
    type: RTM_GETLINK,
    header: new Uint8Array(IFINFOMSG_BYTES),
    // Statistics are most of what the kernel would send.
    attributes: (writer: AttributeWriter) => writer.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS),
  };
  const links = withNetlink(
    sockets,
    NETLINK_ROUTE,
    (connection) =>
      connection.dump(
        request,
        () => new Array<Link>(),
        (list, { body }) => list.push(readLink(body)),
      ),
  );
  return links.sort((a, b) => a.index - b.index);
}

/** Reads an RTM_NEWLINK. @throws {DecodeError} */
export function readLink(body: DataView): Link {
  if (body.byteLength < IFINFOMSG_BYTES) throw new DecodeError("an interface without a header");
  const flags = body.getUint32(8, true);
  const named: { name: string; mac?: Uint8Array; kind?: string; master?: number } = { name: "" };
  readAttributes(body, IFINFOMSG_BYTES, (attribute) => {
    if (attribute.type === IFLA_IFNAME) named.name = attribute.text();
    else if (attribute.type === IFLA_ADDRESS) named.mac = attribute.bytes();
    else if (attribute.type === IFLA_MASTER) named.master = attribute.u32();
    else if (attribute.type === IFLA_LINKINFO) named.kind = readKind(attribute);
  });
  return {
    index: body.getInt32(4, true),
    type: body.getUint16(2, true),
    isUp: (flags & IFF_UP) !== 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    ...named,
  };
}

function readKind(linkinfo: AttributeReader): string | undefined {
  let kind: string | undefined;
  linkinfo.nested((field) => {
    if (field.type === IFLA_INFO_KIND) kind = field.text();
  });
  return kind;
}
