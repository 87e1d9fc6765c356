import type { Database } from "./database.ts";
import type { BackendRow } from "./ids.ts";

/** Table `backend_id`: which id each backend has, and what was counted for it. */
export class Backends {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** By id. */
  all(): BackendRow[] {
    return this.#db.all<BackendRow>("SELECT * FROM backend_id ORDER BY id");
  }

  /** Makes the table hold exactly these rows; only what differs is written. */
  save(rows: readonly BackendRow[]): void {
    this.#db.transaction(() => {
      const before = new Map(this.all().map((row) => [row.id, row]));
      const changed = rows.filter((row) => !sameRow(row, before.get(row.id)));
      const kept = new Set(rows.map((row) => row.id));
      const stale = [...before.keys()].filter((id) => !kept.has(id));
      // All out before any in: (service, backend) is unique, and may move between two ids.
      for (const id of [...stale, ...changed.map((row) => row.id)]) this.#remove(id);
      for (const row of changed) this.#insert(row);
    });
  }

  #remove(id: number): void {
    this.#db.run("DELETE FROM backend_id WHERE id = ?", id);
  }

  #insert(row: BackendRow): void {
    this.#db.run(
      `INSERT INTO backend_id
         (id, service, backend, added_at_ms, released_at_ms, new_total, last_raw)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      row.id,
      row.service,
      row.backend,
      row.added_at_ms,
      row.released_at_ms,
      row.new_total,
      row.last_raw,
    );
  }
}

const FIELDS = [
  "service",
  "backend",
  "added_at_ms",
  "released_at_ms",
  "new_total",
  "last_raw",
] as const satisfies (keyof BackendRow)[];

function sameRow(a: BackendRow, b: BackendRow | undefined): boolean {
  return b !== undefined && FIELDS.every((field) => a[field] === b[field]);
}
