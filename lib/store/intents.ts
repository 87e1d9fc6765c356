import type { IntentRow } from "../model/intent.ts";
import type { Database } from "./database.ts";

/** SQL has numbers where the model has truth. */
interface Row extends Omit<IntentRow, "removes"> {
  readonly removes: number;
}

const COLUMNS = [
  "service",
  "backend",
  "intent",
  "since_ms",
  "deadline_ms",
  "removes",
  "ended",
] as const satisfies (keyof IntentRow)[];

/** Tables `intent` and `cut`: what operators want of backends, and what cutting has left in the kernel. */
export class IntentRecords {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Of all backends of which something else is wanted than that they serve. */
  all(): IntentRow[] {
    return this.#db.all<Row>(`SELECT ${COLUMNS} FROM intent`)
      .map((row) => ({ ...row, removes: row.removes === 1 }));
  }

  /** Whether there is anything to look after: a row, or rules that are to go. */
  isIdle(): boolean {
    return this.#db.get("SELECT 1 FROM intent UNION ALL SELECT 1 FROM cut LIMIT 1") === undefined;
  }

  /** Adds rows, or writes them over those of the same backends. */
  put(rows: readonly IntentRow[]): void {
    const sql = `INSERT OR REPLACE INTO intent (${COLUMNS}) VALUES (${COLUMNS.map(() => "?")})`;
    this.#db.transaction(() => {
      for (const row of rows) {
        const written: Row = { ...row, removes: row.removes ? 1 : 0 };
        this.#db.run(sql, ...COLUMNS.map((column) => written[column]));
      }
    });
  }

  /** They are ready, as if nothing had ever been wanted of them. */
  forget(gone: readonly Pick<IntentRow, "service" | "backend">[]): void {
    const sql = "DELETE FROM intent WHERE service = ? AND backend = ?";
    this.#db.transaction(() => {
      for (const { service, backend } of gone) this.#db.run(sql, service, backend);
    });
  }

  /** Makes these all there are. */
  replace(rows: readonly IntentRow[]): void {
    this.#db.transaction(() => {
      this.forget(this.all());
      this.put(rows);
    });
  }

  /** Until when rules that cut connections have to stay; undefined where there are none. Since 1970. */
  cutUntil_ms(): number | undefined {
    return this.#db.get<{ until_ms: number }>("SELECT until_ms FROM cut")?.until_ms;
  }

  /** @param until_ms undefined: they are gone */
  putCut(until_ms: number | undefined): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM cut");
      if (until_ms !== undefined) this.#db.run("INSERT INTO cut VALUES (1, ?)", until_ms);
    });
  }
}
