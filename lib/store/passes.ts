import type { Database } from "./database.ts";

/** The last time the kernel was held against the config. */
export interface Pass {
  /** Milliseconds since 1970. */
  readonly at_ms: number;
  /** Objects that had to be repaired. */
  readonly drift: number;
}

/** Table `pass`: one row. */
export class Passes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  last(): Pass | undefined {
    return this.#db.get<Pass>("SELECT at_ms, drift FROM pass");
  }

  record({ at_ms, drift }: Pass): void {
    this.#db.run("INSERT OR REPLACE INTO pass (id, at_ms, drift) VALUES (1, ?, ?)", at_ms, drift);
  }
}
