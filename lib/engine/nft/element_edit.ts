import type { ElementData } from "../../netlink/nft/element.ts";
import type { ElementChange, WrittenElement } from "../../netlink/nft/element_change.ts";
import { type DeclaredTypes, declaredTypes } from "./header.ts";
import { valueBytes } from "./key_bytes.ts";
import type { Collection } from "./snapshot.ts";
import { tableId, type TableName } from "./table.ts";

/** Keys that come and go in one collection. A changed value is a delete and an add: add alone is EEXIST. */
export interface ElementEdit {
  readonly name: string;
  readonly remove: readonly string[];
  readonly add: readonly (readonly [string, string])[];
}

/** Of more than these nft's own reading is the smaller part. */
const ELEMENTS_MAX = 1_000;

/**
 * Edits of elements as netlink has them, what goes before what comes. Pure.
 *
 * @param collections that are edited, as they were declared
 * @returns undefined where nft had better write them: they are intervals, of which the kernel keeps more
 * than their two ends, or too many
 */
export function elementChanges(
  table: TableName,
  edits: readonly ElementEdit[],
  collections: ReadonlyMap<string, Collection>,
): ElementChange[] | undefined {
  const amount = edits.reduce((sum, { remove, add }) => sum + remove.length + add.length, 0);
  if (amount > ELEMENTS_MAX) return undefined;
  const [gone, come]: [ElementChange[], ElementChange[]] = [[], []];
  for (const { name, remove, add } of edits) {
    const types = typesOf(collections.get(name));
    const removed = types && all(remove.map((key) => encode(types, key)));
    const added = types && all(add.map(([key, value]) => encode(types, key, value)));
    if (!removed || !added) return undefined;
    const place = { table: tableId(table), set: name };
    if (removed.length > 0) gone.push({ op: "delete", ...place, elements: removed });
    if (added.length > 0) come.push({ op: "add", ...place, elements: added });
  }
  return [...gone, ...come];
}

function typesOf(collection: Collection | undefined): DeclaredTypes | undefined {
  const types = collection?.declaration === undefined
    ? undefined
    : declaredTypes(collection.declaration);
  return types?.flags.includes("interval") ? undefined : types;
}

function encode(
  { key, data }: DeclaredTypes,
  keyText: string,
  dataText?: string,
): WrittenElement | undefined {
  const bytes = valueBytes(key, keyText);
  if (!bytes || dataText === undefined || data === undefined) return bytes && { key: bytes };
  const value = data === "verdict" ? verdictOf(dataText) : valueBytes([data], dataText);
  return value && { key: bytes, data: value };
}

function verdictOf(text: string): ElementData {
  const [verdict, chain] = text.split(" ");
  return { verdict, chain } as ElementData;
}

/** undefined where one of them is. */
function all<T>(items: readonly (T | undefined)[]): T[] | undefined {
  return items.some((item) => item === undefined) ? undefined : items as T[];
}
