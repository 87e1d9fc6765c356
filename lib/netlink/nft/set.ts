import { isRefusal } from "../../model/error.ts";
import { type AttributeReader, readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import type { NetlinkConnection } from "../request.ts";
import * as NFT from "./protocol.ts";
import { nameBytes, requestOf, type TableId } from "./table.ts";

/** A set or map as it was declared. */
export interface ListedSet {
  readonly name: string;
  /** NFT_SET_*. */
  readonly flags: number;
  /** nft's own number of the type, which the kernel only keeps; of a concatenation, 6 bits for each part. */
  readonly key_type: number;
  readonly key_bytes: number;
  /** Maps only; 0xffffff00 where they lead to verdicts. */
  readonly data_type?: number;
  readonly data_bytes?: number;
  /** Of elements for which nothing else is said. */
  readonly timeout_ms?: number;
  /** How many elements there is room for. */
  readonly size?: number;
  /** Each element gets a counter, a limit or the like. */
  readonly hasExpressions: boolean;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/**
 * The sets and maps of a table without their elements, anonymous ones too, as the kernel orders them; none
 * where there is no such table.
 *
 * @throws {KernelError} EINTR where they kept changing
 */
export function dumpSets(connection: NetlinkConnection, table: TableId): ListedSet[] {
  const request = requestOf(
    table,
    "sets",
    NFT.GET_SET,
    (writer) => writer.bytes(NFT.NFTA_SET_TABLE, nameBytes(table.name)),
  );
  try {
    return connection.dump(
      request,
      () => new Array<ListedSet>(),
      (sets, { body }) => sets.push(readSet(body)),
    );
  } catch (error) {
    if (isAbsence(error)) return [];
    throw error;
  }
}

/** Whether the kernel said that there is no such table or set. */
export function isAbsence(error: unknown): boolean {
  return isRefusal(error, ["ENOENT"]);
}

/** Reads an NFT_MSG_NEWSET. @throws {DecodeError} */
export function readSet(body: DataView): ListedSet {
  const set: Mutable<ListedSet> = {
    name: "",
    flags: 0,
    key_type: 0,
    key_bytes: 0,
    hasExpressions: false,
  };
  readAttributes(body, NFGENMSG_BYTES, (attribute) => READERS[attribute.type]?.(set, attribute));
  return set;
}

type Reader = (set: Mutable<ListedSet>, attribute: AttributeReader) => void;

const READERS: Readonly<Record<number, Reader>> = {
  [NFT.NFTA_SET_NAME]: (set, attribute) => set.name = attribute.text(),
  [NFT.NFTA_SET_FLAGS]: (set, attribute) => set.flags = attribute.u32be(),
  [NFT.NFTA_SET_KEY_TYPE]: (set, attribute) => set.key_type = attribute.u32be(),
  [NFT.NFTA_SET_KEY_LEN]: (set, attribute) => set.key_bytes = attribute.u32be(),
  [NFT.NFTA_SET_DATA_TYPE]: (set, attribute) => set.data_type = attribute.u32be(),
  [NFT.NFTA_SET_DATA_LEN]: (set, attribute) => set.data_bytes = attribute.u32be(),
  [NFT.NFTA_SET_DESC]: (set, attribute) => attribute.nested((part) => readDescription(set, part)),
  [NFT.NFTA_SET_TIMEOUT]: (set, attribute) => set.timeout_ms = attribute.u64be(),
  [NFT.NFTA_SET_EXPR]: (set) => set.hasExpressions = true,
  [NFT.NFTA_SET_EXPRESSIONS]: (set) => set.hasExpressions = true,
};

function readDescription(set: Mutable<ListedSet>, part: AttributeReader): void {
  if (part.type === NFT.NFTA_SET_DESC_SIZE) set.size = part.u32be();
}
