import type { IntentRow } from "../model/intent.ts";
import type { Trial } from "../model/trial.ts";
import type { Database } from "./database.ts";

const CURRENT = "(SELECT max(revision) FROM revision WHERE outcome = 'applied')";

/**
 * Table `trial`: a row for the revision on trial, and one for that which somebody sets out to bring about. It is
 * written before the kernel is changed, so that a run cut off in between is on record.
 */
export class Trials {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What is on trial: the revision in force. What never came to be in force is none. */
  open(): Trial | undefined {
    return this.#db.get<Trial>(
      `SELECT revision, back_to, since_ms, until_ms FROM trial WHERE revision = ${CURRENT}`,
    );
  }

  /** What is on trial already stays so until this revision is in force. @param intents those that come back with it */
  begin(trial: Trial, intents: readonly IntentRow[]): void {
    const { revision, back_to, since_ms, until_ms } = trial;
    const row = "INSERT INTO trial VALUES (?, ?, ?, ?, ?)";
    this.#db.transaction(() => {
      this.#db.run(`DELETE FROM trial WHERE revision IS NOT ${CURRENT}`);
      this.#db.run(row, revision, back_to, since_ms, until_ms, JSON.stringify(intents));
    });
  }

  /** Its time begins anew. */
  renew({ revision, since_ms, until_ms }: Trial): void {
    const row = "UPDATE trial SET since_ms = ?, until_ms = ? WHERE revision = ?";
    this.#db.run(row, since_ms, until_ms, revision);
  }

  /** What was wanted of backends before it. */
  intents(revision: number): readonly IntentRow[] {
    const row = "SELECT intents_json AS json FROM trial WHERE revision = ?";
    const json = this.#db.get<{ json: string }>(row, revision)?.json;
    return json === undefined ? [] : JSON.parse(json) as IntentRow[];
  }

  end(): void {
    this.#db.run("DELETE FROM trial");
  }
}
