import {
  applySplices,
  backendArray,
  backendTables,
  type Block,
  blockAt,
  type Splice,
} from "./block.ts";
import type { Edit } from "./document.ts";
import { addInline, removeInline, setInline } from "./inline.ts";
import { addTable, type Assignment, removeTables, setInTable } from "./table.ts";
import { parseToml, type Table } from "../parse.ts";
import { scanHeaders, serviceSlices, type Slice } from "../scan.ts";

/** A config after its edits. */
export interface Edited {
  readonly text: string;
  /** What the text says, parsed. */
  readonly document: Table;
}

/** The block of each service that is written as `[[service]]`. */
export function servicesIn(text: string): Slice[] {
  return serviceSlices(text, scanHeaders(text));
}

/**
 * The text after one edit; as it was where that cannot be done.
 *
 * @param slice the service's block
 * @param backend its place in the list of backends
 */
export async function applyEdit(
  text: string,
  slice: Slice | undefined,
  edit: Edit,
  backend: number | undefined,
): Promise<string> {
  const block = slice && await blockAt(text, slice);
  return applySplices(text, block ? splicesFor(block, edit, backend) : []);
}

function splicesFor(block: Block, edit: Edit, index: number | undefined): Splice[] {
  const array = backendArray(block);
  if (array) return inlineSplices(block, array, edit, index);
  const tables = backendTables(block);
  if (edit.kind === "add") return addTable(block, tables.at(-1), assignmentsOf(edit));
  const backend = tables[index ?? -1];
  if (!backend) return [];
  return edit.kind === "remove"
    ? removeTables(block, backend)
    : setInTable(block, backend, ["weight", `${edit.weight}`]);
}

function inlineSplices(
  block: Block,
  array: NonNullable<ReturnType<typeof backendArray>>,
  edit: Edit,
  index = -1,
): Splice[] {
  if (edit.kind === "add") return addInline(block, array, assignmentsOf(edit));
  if (edit.kind === "remove") return removeInline(block, array, index);
  const element = array.elements[index];
  if (element?.type !== "TOMLInlineTable") return [];
  return setInline(block, element, ["weight", `${edit.weight}`]);
}

function assignmentsOf({ address, port, weight }: Extract<Edit, { kind: "add" }>): Assignment[] {
  const numbers: [string, number | undefined][] = [["port", port], ["weight", weight]];
  return [
    ["address", `"${address.text}"`],
    ...numbers.filter(([, value]) => value !== undefined)
      .map(([key, value]): Assignment => [key, `${value}`]),
  ];
}

/** What a text says; undefined where it is not TOML. */
export function parseAgain(text: string): Table | undefined {
  try {
    return parseToml(text, "");
  } catch {
    return undefined;
  }
}
