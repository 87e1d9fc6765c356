import { type AttributeReader, readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import type { NetlinkConnection } from "../request.ts";
import * as NFT from "./protocol.ts";
import { nameBytes, requestOf, type TableId } from "./table.ts";

const NFT_OBJECT_COUNTER = 1;

/** NFT_OBJECT_* by number, as nft calls them. */
const OBJECT_TYPES: Readonly<Record<number, string>> = {
  [NFT_OBJECT_COUNTER]: "counter",
  2: "quota",
  3: "ct helper",
  4: "limit",
  5: "ct count",
  6: "tunnel",
  7: "ct timeout",
  8: "secmark",
  9: "ct expectation",
  10: "synproxy",
};

/** What a named counter has seen. */
export interface ListedCounter {
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

/** The named counters of a table; none where there is no such table. @throws {KernelError} */
export function dumpCounters(connection: NetlinkConnection, table: TableId): ListedCounter[] {
  const request = requestOf(table, "counters", NFT.GET_OBJECT, (writer) => {
    writer.bytes(NFT.NFTA_OBJ_TABLE, nameBytes(table.name));
    writer.u32be(NFT.NFTA_OBJ_TYPE, NFT_OBJECT_COUNTER);
  });
  return connection.dump(
    request,
    () => new Array<ListedCounter>(),
    (counters, { body }) => counters.push(readCounter(body)),
  );
}

/** Reads an NFT_MSG_NEWOBJ of a counter. @throws {DecodeError} */
export function readCounter(body: DataView): ListedCounter {
  const counter = { name: "", packets: 0, bytes: 0 };
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type === NFT.NFTA_OBJ_NAME) counter.name = attribute.text();
    else if (attribute.type === NFT.NFTA_OBJ_DATA) {
      attribute.nested((field) => {
        if (field.type === NFT.NFTA_COUNTER_PACKETS) counter.packets = field.u64be();
        else if (field.type === NFT.NFTA_COUNTER_BYTES) counter.bytes = field.u64be();
      });
    }
  });
  return counter;
}

/**
 * What a table holds that lb never makes: objects that are no counters, and flowtables. Spelled `quota q1`,
 * `flowtable f1`.
 *
 * @throws {KernelError} EINTR where they kept changing
 */
export function dumpForeign(connection: NetlinkConnection, table: TableId): string[] {
  const objects = connection.dump(
    requestOf(table, "objects", NFT.GET_OBJECT, (writer) => {
      writer.bytes(NFT.NFTA_OBJ_TABLE, nameBytes(table.name));
    }),
    () => new Array<string>(),
    (found, { body }) => {
      const object = readObject(body);
      if (object !== undefined) found.push(object);
    },
  );
  return [...objects, ...dumpFlowtables(connection, table)];
}

/** Reads an NFT_MSG_NEWOBJ as `TYPE NAME`; undefined for a counter. @throws {DecodeError} */
export function readObject(body: DataView): string | undefined {
  let type = 0;
  const readType = (attribute: AttributeReader) => {
    if (attribute.type === NFT.NFTA_OBJ_TYPE) type = attribute.u32be();
  };
  readAttributes(body, NFGENMSG_BYTES, readType);
  // Nearly all are counters, so that names are not read before it is known that one is wanted.
  if (type === NFT_OBJECT_COUNTER) return undefined;
  return `${OBJECT_TYPES[type] ?? `object of type ${type}`} ${readName(body, NFT.NFTA_OBJ_NAME)}`;
}

function dumpFlowtables(connection: NetlinkConnection, table: TableId): string[] {
  return connection.dump(
    requestOf(table, "flowtables", NFT.GET_FLOWTABLE, (writer) => {
      writer.bytes(NFT.NFTA_FLOWTABLE_TABLE, nameBytes(table.name));
    }),
    () => new Array<string>(),
    (found, { body }) => found.push(`flowtable ${readName(body, NFT.NFTA_FLOWTABLE_NAME)}`),
  );
}

function readName(body: DataView, type: number): string {
  let name = "";
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type === type) name = attribute.text();
  });
  return name;
}
