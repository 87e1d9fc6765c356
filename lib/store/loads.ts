import type { LoadRow } from "../model/load.ts";
import type { Database } from "./database.ts";

const COLUMNS = [
  "service",
  "backend",
  "scheduler",
  "cost",
  "noise",
  "checked_at_ms",
  "read_at_ms",
  "reason",
] as const satisfies (keyof LoadRow)[];

/** Table `load`: what backends' loads were found to be. */
export class Loads {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Of all backends that were ever looked at, and whose services follow a load. */
  all(): LoadRow[] {
    return this.#db.all<LoadRow>(`SELECT ${COLUMNS} FROM load`);
  }

  /** Nobody's load was ever looked at. */
  isEmpty(): boolean {
    return this.#db.get("SELECT 1 FROM load LIMIT 1") === undefined;
  }

  /** Adds rows, or writes them over those of the same backends. */
  put(rows: readonly LoadRow[]): void {
    const sql = `INSERT OR REPLACE INTO load (${COLUMNS}) VALUES (${COLUMNS.map(() => "?")})`;
    this.#db.transaction(() => {
      for (const row of rows) this.#db.run(sql, ...COLUMNS.map((column) => row[column]));
    });
  }

  /** Forgets backends. */
  forget(gone: readonly Pick<LoadRow, "service" | "backend">[]): void {
    const sql = "DELETE FROM load WHERE service = ? AND backend = ?";
    this.#db.transaction(() => {
      for (const { service, backend } of gone) this.#db.run(sql, service, backend);
    });
  }
}
