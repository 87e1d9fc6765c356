import type { AST } from "toml-eslint-parser";
import {
  type Block,
  COMMENT_LINE,
  endOfText,
  indentAt,
  keyValue,
  lineEnding,
  linesAbove,
  nextLine,
  type Splice,
} from "./block.ts";
import type { Assignment } from "./table.ts";

/** Sets a key of `{ address = … }`, in place or directly after its address. */
export function setInline(
  block: Block,
  element: AST.TOMLInlineTable,
  [key, value]: Assignment,
): Splice[] {
  const present = keyValue(element, key);
  const address = keyValue(element, "address");
  if (present) {
    const [start, end] = block.rangeOf(present.value);
    return [{ start, end, text: value }];
  }
  if (!address) return [];
  const at = block.rangeOf(address)[1];
  return [{ start: at, end: at, text: `, ${key} = ${value}` }];
}

/** Appends `{ … }` to a list, on a line of its own if the last one has that. */
export function addInline(
  block: Block,
  array: AST.TOMLArray,
  keys: readonly Assignment[],
): Splice[] {
  const { text, rangeOf } = block;
  const item = `{ ${keys.map(([key, value]) => `${key} = ${value}`).join(", ")} }`;
  const last = array.elements.at(-1);
  if (!last) return [insertion(rangeOf(array)[0] + 1, item)];
  const [start, end] = rangeOf(last);
  const indent = indentAt(text, start);
  if (indent.trim() !== "" || !isAlone(block, last)) return [insertion(end, `, ${item}`)];
  const comma = commaAfter(text, end);
  const line = `${lineEnding(text)}${indent}${item}${comma === undefined ? "" : ","}`;
  // Behind the line, not the element: a comment there belongs to the element before.
  const added = insertion(endOfText(text, end), line);
  return comma === undefined ? [insertion(end, ","), added] : [added];
}

/** Deletes one `{ … }` with its comma, and its whole line if it has one to itself. */
export function removeInline(block: Block, array: AST.TOMLArray, index: number): Splice[] {
  const { text, rangeOf } = block;
  const element = array.elements[index];
  if (!element) return [];
  const [start, end] = rangeOf(element);
  if (indentAt(text, start).trim() === "" && isAlone(block, element)) {
    return [deletion(linesAbove(text, start, COMMENT_LINE), nextLine(text, end))];
  }
  const next = array.elements[index + 1];
  const before = array.elements[index - 1];
  if (next && /^[ \t]*,[ \t]*$/.test(text.slice(end, rangeOf(next)[0]))) {
    return [deletion(start, rangeOf(next)[0])];
  }
  if (!next && before && /^[ \t]*,[ \t]*$/.test(text.slice(rangeOf(before)[1], start))) {
    return [deletion(rangeOf(before)[1], end)];
  }
  return [deletion(start, commaAfter(text, end) ?? end)];
}

/** Whether nothing but a comma and a comment follows in the element's last line. */
function isAlone({ text, rangeOf }: Block, element: AST.TOMLContentNode): boolean {
  const end = rangeOf(element)[1];
  return /^[ \t]*,?[ \t]*(#.*)?$/.test(text.slice(end, endOfText(text, end)));
}

/** Offset behind the comma that follows on the same line. */
function commaAfter(text: string, end: number): number | undefined {
  const comma = /^[ \t]*,/.exec(text.slice(end, endOfText(text, end)));
  return comma ? end + comma[0].length : undefined;
}

function insertion(at: number, text: string): Splice {
  return { start: at, end: at, text };
}

function deletion(start: number, end: number): Splice {
  return { start, end, text: "" };
}
