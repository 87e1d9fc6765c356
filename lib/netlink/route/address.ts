import {
  type Address,
  addressBytes,
  addressFromBytes,
  type Family,
  fullLength,
} from "../../model/address.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import { DecodeError, readAttributes } from "../attribute_reader.ts";
import { NLM_F_CREATE, NLM_F_EXCL } from "../codec.ts";
import { familyNumber, familyOf } from "../family.ts";
import { NETLINK_ROUTE, type Request, withNetlink } from "../request.ts";
import { changes } from "./change.ts";

/** linux/rtnetlink.h and if_addr.h. */
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const IFADDRMSG_BYTES = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;

/**
 * `struct ifa_cacheinfo`: preferred for 0 s, valid for ever, two stamps that the kernel fills. An address
 * that is not preferred is answered for, but not chosen as a source (RFC 6724, rule 3): the balancer's own
 * and its masqueraded traffic keeps the machine's address, though the VIP lies nearer to the other end.
 */
const NEVER_PREFERRED = new Uint8Array(new Uint32Array([0, 0xffffffff, 0, 0]).buffer);

/** An address on an interface. */
export interface LinkAddress {
  readonly ifindex: number;
  readonly address: Address;
  /** Bits of the network it is in. */
  readonly prefix_length: number;
  /** RT_SCOPE_*: 0 is global, 253 link, 254 host. */
  readonly scope: number;
  /** IFA_F_* of linux/if_addr.h. */
  readonly flags: number;
}

/** The addresses of the network namespace, both families, as the kernel orders them. @throws {KernelError} */
export function listAddresses(sockets: SocketsPort): LinkAddress[] {
  const request = {
    operation: "list",
    object: "addresses",
    type: RTM_GETADDR,
    header: new Uint8Array(IFADDRMSG_BYTES),
  };
  return withNetlink(sockets, NETLINK_ROUTE, (connection) =>
    connection.dump(
      request,
      () => new Array<LinkAddress>(),
      (list, { body }) => list.push(readAddress(body)),
    ));
}

/** Reads an RTM_NEWADDR. @throws {DecodeError} */
export function readAddress(body: DataView): LinkAddress {
  if (body.byteLength < IFADDRMSG_BYTES) throw new DecodeError("an address without a header");
  const bytes = fullLength(familyOf(body)) / 8;
  let flags = body.getUint8(2);
  let [local, peer]: (Uint8Array | undefined)[] = [];
  readAttributes(body, IFADDRMSG_BYTES, (attribute) => {
    if (attribute.type === IFA_LOCAL) local = attribute.bytes(bytes);
    else if (attribute.type === IFA_ADDRESS) peer = attribute.bytes(bytes);
    else if (attribute.type === IFA_FLAGS) flags = attribute.u32();
  });
  // On a point-to-point link IFA_ADDRESS is the other end's; IPv6 says IFA_LOCAL only there.
  const own = local ?? peer;
  if (!own) throw new DecodeError("an address without an address");
  return {
    ifindex: body.getUint32(4, true),
    address: addressFromBytes(own),
    prefix_length: body.getUint8(1),
    scope: body.getUint8(3),
    flags,
  };
}

/**
 * Puts a single address (/32 or /128) on an interface. An IPv6 address is usable at once:
 * duplicate address detection would keep a VIP silent for a second, and give it up where the node it
 * is taken over from still answers.
 *
 * @returns `exists` where the interface has it already
 * @throws {KernelError} EACCES also where IPv6 is switched off on the interface
 */
export function addAddress(
  sockets: SocketsPort,
  ifindex: number,
  address: Address,
): "added" | "exists" {
  const request = change("add", RTM_NEWADDR, ifindex, address);
  const attributes: Request["attributes"] = (writer) => {
    request.attributes?.(writer);
    if (address.family === 6) writer.bytes(IFA_CACHEINFO, NEVER_PREFERRED);
  };
  const flags = NLM_F_CREATE | NLM_F_EXCL;
  return changes(sockets, { ...request, flags, attributes }, ["EEXIST"]) ? "added" : "exists";
}

/**
 * Takes a single address (/32 or /128) off an interface.
 *
 * @returns `absent` where the interface does not have it, or does not exist
 * @throws {KernelError}
 */
export function deleteAddress(
  sockets: SocketsPort,
  ifindex: number,
  address: Address,
): "deleted" | "absent" {
  const request = change("delete", RTM_DELADDR, ifindex, address);
  return changes(sockets, request, ["EADDRNOTAVAIL", "ENODEV"]) ? "deleted" : "absent";
}

function change(operation: string, type: number, ifindex: number, address: Address): Request {
  const bytes = addressBytes(address);
  return {
    operation,
    object: `address ${address.text} of interface ${ifindex}`,
    type,
    header: ifaddrmsg(address.family, ifindex),
    attributes: (writer) => writer.bytes(IFA_LOCAL, bytes).bytes(IFA_ADDRESS, bytes),
  };
}

/** struct ifaddrmsg of a single address with global scope. */
function ifaddrmsg(family: Family, ifindex: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(IFADDRMSG_BYTES));
  view.setUint8(0, familyNumber(family));
  view.setUint8(1, fullLength(family));
  view.setUint8(2, family === 6 ? IFA_F_NODAD : 0);
  view.setUint32(4, ifindex, true);
  return new Uint8Array(view.buffer);
}
