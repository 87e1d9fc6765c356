import { LbError } from "../model/error.ts";

/** A backend of a service, by its name (`backendKey` of lib/model/service.ts). */
export interface BackendName {
  readonly service: string;
  readonly backend: string;
}

/** A backend's id and what was counted for it. Rows stay after the backend is gone, to keep the id. */
export interface BackendRow extends BackendName {
  /** From 1; unique. */
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly added_at_ms: number;
  /** Milliseconds since 1970; null while the backend is configured. */
  readonly released_at_ms: number | null;
  /** New connections since it was added, over all resets of the kernel's counter. */
  readonly new_total: number;
  /** The kernel's counter when it was last read. */
  readonly last_raw: number;
}

/** Far more than any machine serves; keeps ids inside what nft's `meta priority` carries. */
const ID_MAX = 0xff_ffff;

/**
 * Gives every wanted backend an id. A known one keeps its own, also one that was released and comes
 * back. New ones take ids never used, then the ones released longest ago: conntrack and sticky
 * entries may still hold an id for a while after its release. Only then come ids that do not fit the mark.
 *
 * @param known all rows of the table
 * @param markMax largest id that fits the mark
 * @param now_ms milliseconds since 1970
 * @returns all rows the table should hold
 * @throws {LbError} `unsupported` where there are more backends than ids
 */
export function allocateIds(
  known: readonly BackendRow[],
  wanted: readonly BackendName[],
  markMax: number,
  now_ms: number,
): BackendRow[] {
  const names = new Map(wanted.map((name) => [nameOf(name), name]));
  const kept = known.filter((row) => names.has(nameOf(row))).map((row) => revive(row, now_ms));
  const gone = known.filter((row) => !names.has(nameOf(row)))
    .map((row) => ({ ...row, released_at_ms: row.released_at_ms ?? now_ms }));
  for (const row of kept) names.delete(nameOf(row));
  const ids = takeIds(names.size, kept, gone, markMax);
  const added = [...names.values()].map((name, index) => newRow(name, ids[index]!, now_ms));
  const taken = new Set(ids);
  return [...kept, ...gone.filter((row) => !taken.has(row.id)), ...added]
    .sort((a, b) => a.id - b.id);
}

/**
 * Adds a reading of the kernel's counter to the total.
 *
 * @param raw null where it could not be read: nothing changes
 */
export function foldCounter(row: BackendRow, raw: number | null): BackendRow {
  if (raw === null || raw === row.last_raw) return row;
  // Smaller than last time: the counter was made anew and started at 0.
  const grown = raw < row.last_raw ? raw : raw - row.last_raw;
  return { ...row, new_total: row.new_total + grown, last_raw: raw };
}

function takeIds(
  count: number,
  kept: readonly BackendRow[],
  gone: readonly (BackendRow & { released_at_ms: number })[],
  markMax: number,
): number[] {
  const used = new Set([...kept, ...gone].map((row) => row.id));
  const ids = freeIds(1, markMax, count, used);
  const oldestFirst = gone.filter(({ id }) => id <= markMax)
    .toSorted((a, b) => a.released_at_ms - b.released_at_ms || a.id - b.id);
  ids.push(...oldestFirst.slice(0, count - ids.length).map((row) => row.id));
  ids.push(...freeIds(markMax + 1, ID_MAX, count - ids.length, used));
  if (ids.length === count) return ids;
  throw new LbError("unsupported", `more than ${ID_MAX} backends: use fewer`);
}

function freeIds(first: number, last: number, count: number, used: ReadonlySet<number>): number[] {
  const ids: number[] = [];
  for (let id = first; id <= last && ids.length < count; id++) if (!used.has(id)) ids.push(id);
  return ids;
}

function revive(row: BackendRow, now_ms: number): BackendRow {
  if (row.released_at_ms === null) return row;
  return newRow(row, row.id, now_ms);
}

function newRow({ service, backend }: BackendName, id: number, now_ms: number): BackendRow {
  return {
    service,
    backend,
    id,
    added_at_ms: now_ms,
    released_at_ms: null,
    new_total: 0,
    last_raw: 0,
  };
}

function nameOf(name: BackendName): string {
  return `${name.service}\n${name.backend}`;
}
