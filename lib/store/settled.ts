import type { Database } from "./database.ts";

/** What a run ended with, and a digest of everything that this depended on. */
export interface Settled {
  /** When the kernel was last looked at in full. Milliseconds since 1970. */
  readonly at_ms: number;
  readonly digest: string;
  readonly outcome_json: string;
}

/** Table `settled`: one row. */
export class SettledState {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(): Settled | undefined {
    return this.#db.get<Settled>("SELECT at_ms, digest, outcome_json FROM settled");
  }

  put({ at_ms, digest, outcome_json }: Settled): void {
    this.#db.run(
      "INSERT OR REPLACE INTO settled (id, at_ms, digest, outcome_json) VALUES (1, ?, ?, ?)",
      at_ms,
      digest,
      outcome_json,
    );
  }
}
