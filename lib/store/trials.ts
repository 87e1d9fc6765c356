import type { Trial } from "../model/trial.ts";
import type { Database } from "./database.ts";

/** Table `trial`: one row at most. It is written before the kernel is changed, so that a run cut off in between is on record. */
export class Trials {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /**
   * What is on trial; undefined also where the revision in force is another one by now. Where a trial on top of another
   * has not come about, or not yet, what was in force on trial still is.
   */
  open(): Trial | undefined {
    return this.#db.get<Trial>(
      `SELECT current AS revision, back_to, until_ms
       FROM trial, (SELECT max(revision) AS current FROM revision WHERE outcome = 'applied')
       WHERE trial.revision = current
         OR trial.revision > current AND current > coalesce(back_to, 0)`,
    );
  }

  /**
   * With the lock held, before a change: a run that was cut off before its revision began has left a number that the
   * next one gets, and that is on no trial.
   */
  settle(): void {
    const isLeft = this.#db.get("SELECT 1 FROM trial") !== undefined;
    const open = isLeft ? this.open() : undefined;
    if (open) this.put(open);
    else if (isLeft) this.end();
  }

  /** In place of what was there. */
  put({ revision, back_to, until_ms }: Trial): void {
    const row =
      "INSERT OR REPLACE INTO trial (id, revision, back_to, until_ms) VALUES (1, ?, ?, ?)";
    this.#db.run(row, revision, back_to, until_ms);
  }

  /** Nothing is on trial any more, whether it stays or has gone back. */
  end(): void {
    this.#db.run("DELETE FROM trial");
  }
}
