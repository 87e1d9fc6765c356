import type { HealthRow, Panic } from "../model/health.ts";
import type { Database } from "./database.ts";

const COLUMNS = [
  "service",
  "backend",
  "state",
  "since_ms",
  "streak",
  "flaps",
  "risen_at_ms",
  "checked_at_ms",
  "reason",
  "check_ms",
] as const satisfies (keyof HealthRow)[];

/** Tables `health` and `panic`: what checks say of backends and services. */
export class HealthRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Of all backends that were ever checked and are still configured. */
  all(): HealthRow[] {
    return this.#db.all<HealthRow>(`SELECT ${COLUMNS} FROM health`);
  }

  /** Nobody was ever checked. */
  isEmpty(): boolean {
    return this.#db.get("SELECT 1 FROM health LIMIT 1") === undefined;
  }

  /** Services in panic. */
  panics(): Panic[] {
    return this.#db.all<Panic>("SELECT service, since_ms FROM panic");
  }

  /** Adds rows, or writes them over those of the same backends. */
  put(rows: readonly HealthRow[]): void {
    const sql = `INSERT OR REPLACE INTO health (${COLUMNS}) VALUES (${COLUMNS.map(() => "?")})`;
    this.#db.transaction(() => {
      for (const row of rows) this.#db.run(sql, ...COLUMNS.map((column) => row[column]));
    });
  }

  /** Makes these the services in panic. */
  putPanics(panics: readonly Panic[]): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM panic");
      const sql = "INSERT INTO panic (service, since_ms) VALUES (?, ?)";
      for (const { service, since_ms } of panics) this.#db.run(sql, service, since_ms);
    });
  }

  /** Forgets backends. Who comes back is new. */
  forget(gone: readonly Pick<HealthRow, "service" | "backend">[]): void {
    const sql = "DELETE FROM health WHERE service = ? AND backend = ?";
    this.#db.transaction(() => {
      for (const { service, backend } of gone) this.#db.run(sql, service, backend);
    });
  }
}
