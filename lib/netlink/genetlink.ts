/** Generic netlink (linux/genetlink.h): families that are known by name and numbered at run time. */
import { KernelError } from "../model/error.ts";
import { readAttributes } from "./attribute_reader.ts";
import type { NetlinkConnection, Request } from "./request.ts";

/** NETLINK_GENERIC of linux/netlink.h. */
export const NETLINK_GENERIC = 16;

/** struct genlmsghdr: its length, which is where a message's attributes begin. */
export const GENLMSGHDR_BYTES = 4;

/** The family that tells of the families. */
const GENL_ID_CTRL = 0x10;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_ID = 1;
const CTRL_ATTR_FAMILY_NAME = 2;

/** struct genlmsghdr. */
export function genlmsghdr(command: number, version = 1): Uint8Array {
  return Uint8Array.of(command, version, 0, 0);
}

/** A family the kernel has. */
export interface GenericFamily {
  /** Message type of its messages; another one after it was loaded anew. */
  readonly id: number;
  readonly name: string;
}

/**
 * The id of a family; undefined where the kernel does not have it now. Lists all of them, because
 * asking for one by its name makes the kernel load a module (ctrl_getfamily(), net/netlink/genetlink.c).
 *
 * @throws {KernelError}
 */
export function findFamily(connection: NetlinkConnection, name: string): number | undefined {
  const families = connection.dump(
    familyRequest("list", "generic netlink families"),
    () => new Array<GenericFamily>(),
    (list, { body }) => list.push(readFamily(body)),
  );
  return families.find((family) => family.name === name)?.id;
}

/**
 * The same by name: a family that is not there is loaded as a module, if there is one.
 *
 * @throws {KernelError} ENOENT where the kernel does not have the family and finds no module
 */
export function loadFamily(connection: NetlinkConnection, name: string): number {
  let found: GenericFamily | undefined;
  const request: Request = {
    ...familyRequest("load", `generic netlink family ${name}`),
    attributes: (writer) => writer.text(CTRL_ATTR_FAMILY_NAME, name),
  };
  connection.transact(request, ({ body }) => found = readFamily(body));
  if (found) return found.id;
  const { operation, object } = request;
  throw new KernelError({ operation, object, errno: "ENOENT", message: "the kernel named none" });
}

/** Reads a CTRL_CMD_NEWFAMILY. @throws {DecodeError} */
export function readFamily(body: DataView): GenericFamily {
  const family = { id: 0, name: "" };
  readAttributes(body, GENLMSGHDR_BYTES, (attribute) => {
    if (attribute.type === CTRL_ATTR_FAMILY_ID) family.id = attribute.u16();
    else if (attribute.type === CTRL_ATTR_FAMILY_NAME) family.name = attribute.text();
  });
  return family;
}

function familyRequest(operation: string, object: string): Request {
  const header = genlmsghdr(CTRL_CMD_GETFAMILY);
  return { operation, object, type: GENL_ID_CTRL, header };
}
