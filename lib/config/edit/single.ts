import { applyEdit, type Edited, parseAgain, servicesIn } from "./apply.ts";
import { type Edit, intend, isEqual, servicesOf } from "./document.ts";
import { isTable, type Table } from "../parse.ts";
import type { Slice } from "../scan.ts";

/**
 * Edits one of many services without a look at what the others say, which takes long: they stay as they
 * are where its block says by itself what it says in the file, before the edits and after them.
 *
 * @returns undefined where that is in doubt
 * @throws {LbError} `usage` as `editConfig` of edit.ts
 */
export async function editSingle(
  source: string,
  edits: readonly Edit[],
): Promise<Edited | undefined> {
  const slices = servicesIn(source);
  const found = findBlock(source, slices, edits);
  if (!found) return undefined;
  let { slice, says: wanted } = found;
  let text = source;
  for (const edit of edits) {
    const { document, backend } = intend(wanted, 0, edit);
    const edited = await applyEdit(text, slice, edit, backend);
    slice = { ...slice, end: slice.end + edited.length - text.length };
    text = edited;
    wanted = document;
  }
  const document = parseAgain(text);
  const services = document ? servicesOf(document) : [];
  const isAsWanted = services.length === slices.length &&
    isEqual(services[found.index], servicesOf(wanted)[0]) &&
    isEqual(parseAgain(text.slice(slice.start, slice.end)), wanted);
  return document && isAsWanted ? { text, document } : undefined;
}

/** The block that all edits are about. */
interface Found {
  readonly index: number;
  readonly slice: Slice;
  /** Its text alone, parsed: one service, and nothing else. */
  readonly says: Table;
}

/** More places than a name has in a file that is worth the search. */
const PLACES_MAX = 8;

function findBlock(
  text: string,
  slices: readonly Slice[],
  edits: readonly Edit[],
): Found | undefined {
  const name = edits[0]?.service;
  if (name === undefined || edits.some(({ service }) => service !== name)) return undefined;
  let at = -1;
  for (let tries = 0; tries < PLACES_MAX; tries++) {
    at = text.indexOf(`"${name}"`, at + 1);
    const index = at < 0 ? -1 : slices.findIndex(({ start, end }) => start <= at && at < end);
    const slice = slices[index];
    if (!slice) return undefined;
    const says = parseAgain(text.slice(slice.start, slice.end));
    const [service, ...others] = says ? servicesOf(says) : [];
    if (!says || others.length > 0 || Object.keys(says).length > 1) return undefined;
    if (isTable(service) && service.name === name) return { index, slice, says };
  }
  return undefined;
}
