import type { AttributeWriter } from "../attribute_writer.ts";
import { NLM_F_CREATE } from "../codec.ts";
import type { Request } from "../request.ts";
import { type ElementData, VERDICTS } from "./element.ts";
import * as NFT from "./protocol.ts";
import { nameBytes, requestOf, type TableId } from "./table.ts";

/** An element in the kernel's bytes (see ListedElement). */
export interface WrittenElement {
  readonly key: Uint8Array;
  /** Maps only, and not needed to delete one. */
  readonly data?: ElementData;
}

/** Elements that come into one set or map, or go. */
export interface ElementChange {
  readonly op: "add" | "delete";
  readonly table: TableId;
  readonly set: string;
  readonly elements: readonly WrittenElement[];
}

/** An attribute's length is a 16-bit number, and an element with a long name in it takes 130 bytes. */
const ELEMENTS_PER_MESSAGE = 400;

/** The requests that make a change, as parts of a transaction. */
export function elementRequests({ op, table, set, elements }: ElementChange): Request[] {
  const requests: Request[] = [];
  for (let at = 0; at < elements.length; at += ELEMENTS_PER_MESSAGE) {
    const part = elements.slice(at, at + ELEMENTS_PER_MESSAGE);
    const type = op === "add" ? NFT.NEW_ELEMENT : NFT.DELETE_ELEMENT;
    const request = elementRequest(type, table, set, part);
    requests.push({ ...request, operation: op, flags: op === "add" ? NLM_F_CREATE : 0 });
  }
  return requests;
}

/** A request about some elements of one set or map. */
export function elementRequest(
  type: number,
  table: TableId,
  set: string,
  elements: readonly WrittenElement[],
): Request {
  return requestOf(table, `elements of ${set}`, type, (writer) => {
    writer.bytes(NFT.NFTA_SET_ELEM_LIST_TABLE, nameBytes(table.name));
    writer.bytes(NFT.NFTA_SET_ELEM_LIST_SET, nameBytes(set));
    writer.nested(NFT.NFTA_SET_ELEM_LIST_ELEMENTS, (list) => {
      for (const element of elements) writeElement(list, element);
    });
  });
}

function writeElement(list: AttributeWriter, { key, data }: WrittenElement): void {
  list.nested(NFT.NFTA_LIST_ELEM, (element) => {
    element.nested(NFT.NFTA_SET_ELEM_KEY, (value) => value.bytes(NFT.NFTA_DATA_VALUE, key));
    if (data) element.nested(NFT.NFTA_SET_ELEM_DATA, (value) => writeData(value, data));
  });
}

function writeData(writer: AttributeWriter, data: ElementData): void {
  if (data instanceof Uint8Array) {
    writer.bytes(NFT.NFTA_DATA_VALUE, data);
    return;
  }
  const { verdict, chain } = data;
  writer.nested(NFT.NFTA_DATA_VERDICT, (inside) => {
    inside.u32be(NFT.NFTA_VERDICT_CODE, codeOf(verdict) >>> 0);
    if (chain !== undefined) inside.bytes(NFT.NFTA_VERDICT_CHAIN, nameBytes(chain));
  });
}

/** @throws {RangeError} for a verdict that maps do not lead to */
function codeOf(verdict: string): number {
  const code = Object.entries(VERDICTS).find(([, word]) => word === verdict)?.[0];
  if (code === undefined) throw new RangeError(`no verdict "${verdict}" in a map`);
  return Number(code);
}
