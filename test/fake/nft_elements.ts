/** Test equipment: sets and maps of the fake nft, and what nft refuses to do to them. */
import { overlap, rangesOf } from "./nft_interval.ts";
import { parseDeclaration, parseElements, type Statement } from "./nft_script.ts";
import {
  checkReferences,
  EEXIST,
  ENOENT,
  type FakeCollection,
  type FakeTable,
  found,
  Refused,
} from "./nft_table.ts";

export function addCollection(table: FakeTable, { kind, name, rest }: Statement): void {
  const there = table.collections.get(name);
  if (there && (there.kind !== kind || there.declaration !== rest)) throw new Refused(EEXIST);
  if (there || (kind !== "map" && kind !== "set")) return;
  const { value } = parseDeclaration(rest);
  if ((value === undefined) !== (kind === "set")) throw new SyntaxError(`no ${kind}: ${rest}`);
  const handle = ++table.lastHandle;
  const contents = { elements: new Map(), states: new Map() };
  table.collections.set(name, { kind, handle, declaration: rest, ...contents });
}

export function flushCollection(table: FakeTable, { name }: Statement): void {
  const { elements, states } = found(table.collections, name);
  elements.clear();
  states.clear();
}

/** The same element again is no error with `add`; the same key with another value always is. */
export function addElements(table: FakeTable, { verb, name, rest }: Statement): void {
  const collection = found(table.collections, name);
  for (const [key, value] of parseElements(rest)) {
    checkElement(collection, key, value);
    const there = collection.elements.get(key);
    if (there !== undefined && (verb === "create" || there !== value)) throw new Refused(EEXIST);
    if (there === undefined) checkRoom(collection, key);
    checkReferences(table, value.split(" "));
    collection.elements.set(key, value);
  }
}

function checkElement({ kind, declaration }: FakeCollection, key: string, value: string): void {
  const { fields } = parseDeclaration(declaration);
  if (key.split(" . ").length !== fields.length || (value === "") !== (kind === "set")) {
    throw new SyntaxError(`element "${key} : ${value}" does not fit ${kind} { ${declaration} }`);
  }
}

/** Intervals do not overlap; an exact key in a set without intervals may be no range. */
function checkRoom({ declaration, elements }: FakeCollection, key: string): void {
  if (!parseDeclaration(declaration).flags.includes("interval")) {
    if (/[/]|\d-\d/.test(key)) throw new SyntaxError(`${key} is an interval: ${declaration}`);
    return;
  }
  const ranges = rangesOf(key);
  for (const other of elements.keys()) {
    if (overlap(ranges, rangesOf(other))) throw new Refused(EEXIST);
  }
}

export function deleteElements(table: FakeTable, { name, rest }: Statement): void {
  const { elements, states } = found(table.collections, name);
  for (const [key] of parseElements(rest)) {
    states.delete(key);
    if (!elements.delete(key)) throw new Refused(ENOENT);
  }
}
