import { type AttributeReader, readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import type { NetlinkConnection, Request } from "../request.ts";
import * as NFT from "./protocol.ts";
import { isAbsence } from "./set.ts";
import { nameBytes, requestOf, type TableId } from "./table.ts";

/** NF_* of linux/netfilter.h and NFT_* by their codes, as nft spells them. */
export const VERDICTS = {
  0: "drop",
  1: "accept",
  "-1": "continue",
  "-2": "break",
  "-3": "jump",
  "-4": "goto",
  "-5": "return",
} as const;

/** What a verdict map leads to. `other`: what nft writes none of into a map (queue, stolen). */
export interface Verdict {
  readonly verdict: typeof VERDICTS[keyof typeof VERDICTS] | "other";
  /** Of a jump or goto. */
  readonly chain?: string;
}

export type ElementData = Verdict | Uint8Array;

/**
 * One element, in the kernel's bytes: numbers of the machine's own (marks, priorities, numgen) in its byte
 * order, all else in the network's; each part of a concatenation is filled up to 4 bytes.
 */
export interface ListedElement {
  /** Empty where it is the catch-all. */
  readonly key: Uint8Array;
  /** Concatenations of intervals: the last key of it, included. */
  readonly key_end?: Uint8Array;
  /** Other sets of intervals: the first key behind the interval; the element before it, by key, begins it. */
  readonly isIntervalEnd: boolean;
  readonly isCatchAll: boolean;
  /** Maps only, and not of objects. */
  readonly data?: ElementData;
}

/**
 * Visits the elements of a set or map, in no order; what has expired is left out. They are of one generation
 * only with {@linkcode awaitCommit}: for elements the kernel does not tell that it changed meanwhile.
 *
 * The kernel looks for the set three times in the table's list of them (nft_set_lookup, twice
 * nf_tables_dump_set), 20 ns each step: 0.03 ms in a table of few sets, 0.35 ms on average among 10,000.
 *
 * @returns false where there is no such table or set
 * @throws {KernelError}
 * @throws {DecodeError}
 */
export function dumpElements(
  connection: NetlinkConnection,
  table: TableId,
  set: string,
  visit: (element: ListedElement) => void,
): boolean {
  const request = requestOf(table, `elements of ${set}`, NFT.GET_ELEMENT, (writer) => {
    writer.bytes(NFT.NFTA_SET_ELEM_LIST_TABLE, nameBytes(table.name));
    writer.bytes(NFT.NFTA_SET_ELEM_LIST_SET, nameBytes(set));
  });
  const bodies = dumpBodies(connection, request);
  for (const body of bodies ?? []) readElements(body, visit);
  return bodies !== undefined;
}

/** The messages as they are: each holds hundreds of elements. Undefined where nobody is there to ask. */
function dumpBodies(connection: NetlinkConnection, request: Request): DataView[] | undefined {
  try {
    return connection.dump(
      request,
      () => new Array<DataView>(),
      (bodies, { body }) => bodies.push(body),
    );
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw error;
  }
}

/** Reads the elements of an NFT_MSG_NEWSETELEM. @throws {DecodeError} */
export function readElements(body: DataView, visit: (element: ListedElement) => void): void {
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type !== NFT.NFTA_SET_ELEM_LIST_ELEMENTS) return;
    attribute.nested((element) => {
      const read = readElement(element);
      if (element.problem === undefined) visit(read);
    });
  });
}

function readElement(element: AttributeReader): ListedElement {
  let key: Uint8Array = NO_BYTES;
  let [key_end, data]: [Uint8Array | undefined, ElementData | undefined] = [undefined, undefined];
  let flags = 0;
  element.nested((field) => {
    if (field.type === NFT.NFTA_SET_ELEM_KEY) key = readValue(field);
    else if (field.type === NFT.NFTA_SET_ELEM_KEY_END) key_end = readValue(field);
    else if (field.type === NFT.NFTA_SET_ELEM_DATA) data = readData(field);
    else if (field.type === NFT.NFTA_SET_ELEM_FLAGS) flags = field.u32be();
  });
  return {
    key,
    key_end,
    isIntervalEnd: (flags & NFT.NFT_SET_ELEM_INTERVAL_END) !== 0,
    isCatchAll: (flags & NFT.NFT_SET_ELEM_CATCHALL) !== 0,
    data,
  };
}

const NO_BYTES = new Uint8Array();

function readValue(attribute: AttributeReader): Uint8Array {
  const data = readData(attribute);
  if (data instanceof Uint8Array) return data;
  attribute.fail("a key without a value");
  return NO_BYTES;
}

function readData(attribute: AttributeReader): ElementData | undefined {
  let data: ElementData | undefined;
  attribute.nested((value) => {
    if (value.type === NFT.NFTA_DATA_VALUE) data = value.bytes();
    else if (value.type === NFT.NFTA_DATA_VERDICT) data = readVerdict(value);
  });
  return data;
}

function readVerdict(attribute: AttributeReader): Verdict {
  let verdict: Verdict["verdict"] = "other";
  let chain: string | undefined;
  attribute.nested((field) => {
    if (field.type === NFT.NFTA_VERDICT_CODE) verdict = verdictOf(field.u32be() | 0);
    else if (field.type === NFT.NFTA_VERDICT_CHAIN) chain = field.text();
  });
  return chain === undefined ? { verdict } : { verdict, chain };
}

function verdictOf(code: number): Verdict["verdict"] {
  return (VERDICTS as Readonly<Record<number, Verdict["verdict"]>>)[code] ?? "other";
}
