import type { Database } from "./database.ts";
import type { BackendRow } from "./ids.ts";

const COLUMNS = [
  "id",
  "service",
  "backend",
  "added_at_ms",
  "released_at_ms",
  "new_total",
  "last_raw",
] as const satisfies (keyof BackendRow)[];

/** As one text: SQLite hands out 50,000 rows in a quarter of the time that node:sqlite takes for them. */
const SELECT = `SELECT json_group_array(json_object(${
  COLUMNS.map((column) => `'${column}', ${column}`)
})) AS rows_json FROM backend_id`;

const INSERT = `INSERT INTO backend_id (${COLUMNS}) VALUES (${COLUMNS.map(() => "?")})`;

/** Table `backend_id`: which id each backend has, and what was counted for it. */
export class Backends {
  readonly #db: Database;
  /** What the table held when it was read or written last. */
  #known: { readonly stamp: string; readonly rows: readonly BackendRow[] } | undefined;

  constructor(db: Database) {
    this.#db = db;
  }

  /** By id. */
  all(): readonly BackendRow[] {
    const stamp = this.#db.stamp();
    if (this.#known?.stamp === stamp) return this.#known.rows;
    const json = this.#db.get<{ rows_json: string }>(SELECT)?.rows_json ?? "[]";
    const rows = (JSON.parse(json) as BackendRow[]).sort((a, b) => a.id - b.id);
    this.#known = { stamp, rows };
    return rows;
  }

  /** Makes the table hold exactly these rows; only what differs is written. */
  save(rows: readonly BackendRow[]): void {
    const known = this.all();
    if (rows.length === known.length && rows.every((row, at) => sameRow(row, known[at]))) return;
    this.#db.transaction(() => {
      const before = new Map(this.all().map((row) => [row.id, row]));
      const changed = rows.filter((row) => !sameRow(row, before.get(row.id)));
      const old = changed.filter(({ id }) => before.has(id));
      for (const { id } of rows) before.delete(id);
      // All out before any in: (service, backend) is unique, and may move between two ids.
      for (const { id } of [...before.values(), ...old]) this.#remove(id);
      for (const row of changed) this.#insert(row);
      this.#known = { stamp: this.#db.stamp(), rows: rows.toSorted((a, b) => a.id - b.id) };
    });
  }

  #remove(id: number): void {
    this.#db.run("DELETE FROM backend_id WHERE id = ?", id);
  }

  #insert(row: BackendRow): void {
    this.#db.run(INSERT, ...COLUMNS.map((column) => row[column]));
  }
}

function sameRow(a: BackendRow, b: BackendRow | undefined): boolean {
  return a === b || b !== undefined && COLUMNS.every((column) => a[column] === b[column]);
}
