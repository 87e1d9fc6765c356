import type { Database } from "./database.ts";

/** Something of lb's that is in a kernel, as far as is on record. */
export interface Remnant {
  /** Identity of the network namespace it is in. */
  readonly netns: string;
  /** `sysctl`, `address`, or `engine`. */
  readonly resource: string;
  /** Which of them. */
  readonly key: string;
}

/** What the tables `journal` and `committed` tell of every network namespace, not only of this one. */
export class Remains {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What a reboot has not ended. */
  of(boot_id: string): Remnant[] {
    return this.#db.all<Remnant>(
      `SELECT netns, resource, key FROM journal WHERE undone_at IS NULL AND boot_id = ?
       UNION SELECT netns, 'engine', engine FROM committed WHERE boot_id = ?
       ORDER BY netns, resource, key`,
      boot_id,
      boot_id,
    );
  }
}
