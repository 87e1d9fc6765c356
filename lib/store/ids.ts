import { LbError } from "../model/error.ts";
import { fullName } from "../model/service.ts";

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
 * An id is not given away before a run that released it came to its end: until then rules and flows of
 * its old owner are in the kernel, where nothing would tell them from those of the new one.
 *
 * @param known all rows of the table
 * @param markMax largest id that fits the mark
 * @param now_ms milliseconds since 1970
 * @param settled_ms when a run last came to its end; by default none did
 * @returns all rows the table should hold
 * @throws {LbError} `unsupported` where there are more backends than ids
 */
export function allocateIds(
  known: readonly BackendRow[],
  wanted: readonly BackendName[],
  markMax: number,
  now_ms: number,
  settled_ms = -Infinity,
): BackendRow[] {
  const find = rowFinder(known);
  const kept = new Set<number>();
  const added = new Map<string, BackendName>();
  for (const name of wanted) {
    const row = find(name.service, name.backend);
    if (row) kept.add(row.id);
    else added.set(nameOf(name), name);
  }
  const rows = known.map((row) => kept.has(row.id) ? revive(row, now_ms) : release(row, now_ms));
  if (added.size === 0) return rows.sort(byId);
  const left = known.filter(({ id }) => !kept.has(id));
  const used = new Set(known.map(({ id }) => id));
  const ids = takeIds(added.size, used, idleIds(left, markMax, settled_ms), markMax);
  const taken = new Set(ids);
  const fresh = Array.from(added.values(), (name, index) => newRow(name, ids[index]!, now_ms));
  return [...rows.filter(({ id }) => kept.has(id) || !taken.has(id)), ...fresh].sort(byId);
}

function byId(a: BackendRow, b: BackendRow): number {
  return a.id - b.id;
}

/**
 * Finds rows by name. Of 50,000 names hardly one comes out of the order that the rows of living backends
 * have: only for such a one is there an index, which takes longer than all the others together.
 */
export function rowFinder(
  rows: readonly BackendRow[],
): (service: string, backend: string) => BackendRow | undefined {
  let next = 0;
  let places: Map<string, number> | undefined;
  return (service, backend) => {
    while (next < rows.length && rows[next]?.released_at_ms !== null) next++;
    const expected = rows[next];
    if (expected?.backend !== backend || expected.service !== service) {
      places ??= new Map(rows.map((row, place) => [nameOf(row), place]));
      const place = places.get(nameOf({ service, backend }));
      if (place === undefined) return undefined;
      next = place;
    }
    return rows[next++];
  };
}

/**
 * The rows as they belong on record before the kernel is changed: with every new id, so that no other
 * backend is ever given it, but without the releases. Where the change is refused, what it leaves out
 * is still there and goes on counting.
 *
 * @param known all rows of the table
 * @param rows what {@linkcode allocateIds} made of them
 */
export function withoutReleases(
  known: readonly BackendRow[],
  rows: readonly BackendRow[],
): BackendRow[] {
  const gone = new Set(rows.flatMap(({ id, released_at_ms: at_ms }) => at_ms === null ? [] : id));
  const living = new Map(
    known.filter(({ id, released_at_ms: at_ms }) => at_ms === null && gone.has(id))
      .map((row) => [row.id, row]),
  );
  return rows.map((row) => living.get(row.id) ?? row);
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
  used: ReadonlySet<number>,
  idle: readonly number[],
  markMax: number,
): number[] {
  const ids = freeIds(1, markMax, count, used);
  ids.push(...idle.slice(0, count - ids.length));
  ids.push(...freeIds(markMax + 1, ID_MAX, count - ids.length, used));
  if (ids.length === count) return ids;
  throw new LbError("unsupported", `more than ${ID_MAX} backends: use fewer`);
}

/** Ids that fit the mark and that nothing in the kernel knows any more, released longest ago first. */
function idleIds(left: readonly BackendRow[], markMax: number, settled_ms: number): number[] {
  return left
    .flatMap(({ id, released_at_ms: at_ms }) => at_ms === null ? [] : [{ id, at_ms }])
    .filter(({ id, at_ms }) => id <= markMax && at_ms <= settled_ms)
    .sort((a, b) => a.at_ms - b.at_ms || a.id - b.id)
    .map(({ id }) => id);
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

function release(row: BackendRow, now_ms: number): BackendRow {
  return row.released_at_ms === null ? { ...row, released_at_ms: now_ms } : row;
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
  return fullName(name.service, name.backend);
}
