import type { Database } from "./database.ts";

/** How many connections had been opened to a backend when it was looked at. */
export interface OpenedRow {
  readonly service: string;
  /** Its `backendKey`. */
  readonly backend: string;
  /** As the kernel counts them, from when its counter was made. */
  readonly opened: number;
  /** Milliseconds since 1970. */
  readonly at_ms: number;
}

/** Table `opened`: where the counters stood when what became of connections was looked at last. */
export class Opened {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  all(): OpenedRow[] {
    return this.#db.all<OpenedRow>("SELECT service, backend, opened, at_ms FROM opened");
  }

  /** Makes these all that is known. */
  put(rows: readonly OpenedRow[]): void {
    const sql = "INSERT INTO opened (service, backend, opened, at_ms) VALUES (?, ?, ?, ?)";
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM opened");
      for (const { service, backend, opened, at_ms } of rows) {
        this.#db.run(sql, service, backend, opened, at_ms);
      }
    });
  }
}
