import { type Address, addressBytes, addressFromBytes, fullLength } from "../../model/address.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { DecodeError, readAttributes } from "../attribute_reader.ts";
import type { Message } from "../codec.ts";
import { familyNumber, familyOf } from "../family.ts";
import { NETLINK_ROUTE, type Request, withNetlink } from "../request.ts";
import { NO_ROUTE, RTA_DST, RTA_OIF, RTM_GETROUTE, RTMSG_BYTES, RTN_LOCAL } from "./rtmsg.ts";

/** linux/rtnetlink.h. */
const RTA_GATEWAY = 5;
const RTA_VIA = 18;
const RTN_UNICAST = 1;

/** `struct rtvia` begins with the address family. */
const RTVIA_FAMILY_BYTES = 2;

/** The way packets of this machine's take to an address. */
export interface Route {
  readonly ifindex: number;
  /** The address is this machine's own. */
  readonly isLocal: boolean;
  /** Who passes them on; undefined where the address is on the link itself. */
  readonly gateway?: Address;
}

/**
 * The way to each address, in their order; undefined where there is none.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function routesTo(
  sockets: SocketsPort,
  addresses: readonly Address[],
): (Route | undefined)[] {
  if (addresses.length === 0) return [];
  return withNetlink(sockets, NETLINK_ROUTE, (connection) =>
    addresses.map((address) => {
      let route: Route | undefined;
      const read = ({ body }: Message) => void (route = readRoute(body));
      connection.transactUnless(NO_ROUTE, question(address), read);
      return route;
    }));
}

/** Reads an RTM_NEWROUTE that answers for one address. @throws {DecodeError} */
export function readRoute(body: DataView): Route | undefined {
  if (body.byteLength < RTMSG_BYTES) throw new DecodeError("a route without a header");
  const bytes = fullLength(familyOf(body)) / 8;
  const type = body.getUint8(7);
  const found: { ifindex: number; gateway?: Uint8Array } = { ifindex: 0 };
  readAttributes(body, RTMSG_BYTES, (attribute) => {
    if (attribute.type === RTA_OIF) found.ifindex = attribute.u32();
    else if (attribute.type === RTA_GATEWAY) found.gateway = attribute.bytes(bytes);
    // IPv4 by a gateway of IPv6 (linux 5.2).
    else if (attribute.type === RTA_VIA) {
      found.gateway = attribute.bytes().slice(RTVIA_FAMILY_BYTES);
    }
  });
  const { ifindex, gateway } = found;
  if (type !== RTN_UNICAST && type !== RTN_LOCAL) return undefined;
  return {
    ifindex,
    isLocal: type === RTN_LOCAL,
    ...(gateway && { gateway: gatewayAddress(gateway) }),
  };
}

function gatewayAddress(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw new DecodeError(`a gateway of ${bytes.length} bytes`);
  }
  return addressFromBytes(bytes);
}

function question(address: Address): Request {
  const header = new Uint8Array(RTMSG_BYTES);
  header[0] = familyNumber(address.family);
  header[1] = fullLength(address.family);
  return {
    operation: "look up",
    object: `the route to ${address.text}`,
    type: RTM_GETROUTE,
    header,
    attributes: (writer) => writer.bytes(RTA_DST, addressBytes(address)),
  };
}
