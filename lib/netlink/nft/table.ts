import { isRefusal } from "../../model/error.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import { readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import {
  NETLINK_NETFILTER,
  type NetlinkConnection,
  type Request,
  withNetlink,
} from "../request.ts";
import * as NFT from "./protocol.ts";

/** NFPROTO_* of linux/netfilter.h. lb makes no tables of the other families: arp 3, bridge 7. */
const FAMILY_NUMBERS = { inet: 1, ip: 2, netdev: 5, ip6: 10 } as const;

export type TableFamily = keyof typeof FAMILY_NUMBERS;

/** What a table is known by. */
export interface TableId {
  readonly family: TableFamily;
  readonly name: string;
}

export interface ListedTable extends TableId {
  /** NFT_TABLE_F_*. */
  readonly flags: number;
  /** None of its rules is asked. */
  readonly isDormant: boolean;
}

/** Opens a connection for the time of `use`. @throws {KernelError} without CAP_NET_ADMIN only when it is asked */
export function withNft<Result>(
  sockets: SocketsPort,
  use: (connection: NetlinkConnection) => Result,
): Result {
  return withNetlink(sockets, NETLINK_NETFILTER, use);
}

/**
 * The same where the kernel may have no netfilter to speak to.
 *
 * @returns undefined where it has none
 */
export function withNftIfAny<Result>(
  sockets: SocketsPort,
  use: (connection: NetlinkConnection) => Result,
): Result | undefined {
  try {
    return withNft(sockets, use);
  } catch (error) {
    if (isRefusal(error, ["EPROTONOSUPPORT"])) return undefined;
    throw error;
  }
}

/**
 * The tables of the network namespace but those of the families arp and bridge; none where the kernel has no
 * nf_tables. @throws {KernelError}
 */
export function dumpTables(connection: NetlinkConnection): ListedTable[] {
  try {
    return dumpAll(connection);
  } catch (error) {
    // What no part of the kernel answers to is invalid (nfnetlink_rcv_msg()).
    if (isRefusal(error, ["EINVAL"])) return [];
    throw error;
  }
}

function dumpAll(connection: NetlinkConnection): ListedTable[] {
  const request = {
    operation: "list",
    object: "nft tables",
    type: NFT.GET_TABLE,
    header: new Uint8Array(NFGENMSG_BYTES),
  };
  return connection.dump(request, () => new Array<ListedTable>(), (tables, { body }) => {
    const table = readTable(body);
    if (table) tables.push(table);
  });
}

/** Reads an NFT_MSG_NEWTABLE; undefined for a family lb has no tables in. @throws {DecodeError} */
export function readTable(body: DataView): ListedTable | undefined {
  let name = "";
  let flags = 0;
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type === NFT.NFTA_TABLE_NAME) name = attribute.text();
    else if (attribute.type === NFT.NFTA_TABLE_FLAGS) flags = attribute.u32be();
  });
  const family = familyOf(body);
  if (!family) return undefined;
  return { family, name, flags, isDormant: (flags & NFT.NFT_TABLE_F_DORMANT) !== 0 };
}

/** A request about what is in one table. `what` names it in errors. */
export function requestOf(
  { family, name }: TableId,
  what: string,
  type: number,
  attributes?: (writer: AttributeWriter) => void,
): Request {
  return {
    operation: "list",
    object: `${what} of table ${family} ${name}`,
    type,
    header: Uint8Array.of(FAMILY_NUMBERS[family], 0, 0, 0),
    attributes,
  };
}

/** A name as attributes hold it: with the NUL that nf_tables wants (NLA_STRING, compared by strcmp). */
export function nameBytes(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
}

function familyOf(body: DataView): TableFamily | undefined {
  const number = body.byteLength > 0 ? body.getUint8(0) : 0;
  const found = Object.entries(FAMILY_NUMBERS).find(([, known]) => known === number);
  return found?.[0] as TableFamily | undefined;
}
