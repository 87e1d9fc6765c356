import type { Trial } from "../model/trial.ts";
import type { Database } from "./database.ts";

/** Table `trial`: one row at most. It is written before the kernel is changed, so that a run cut off in between is on record. */
export class Trials {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What is on trial; undefined also where the revision in force is another one by now. */
  open(): Trial | undefined {
    return this.#db.get<Trial>(
      `SELECT revision, back_to, until_ms FROM trial
       WHERE revision = (SELECT max(revision) FROM revision WHERE outcome = 'applied')`,
    );
  }

  /** In place of what was there. */
  put({ revision, back_to, until_ms }: Trial): void {
    const row =
      "INSERT OR REPLACE INTO trial (id, revision, back_to, until_ms) VALUES (1, ?, ?, ?)";
    this.#db.run(row, revision, back_to, until_ms);
  }

  end(): void {
    this.#db.run("DELETE FROM trial");
  }
}
