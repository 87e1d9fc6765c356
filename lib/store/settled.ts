import type { Database } from "./database.ts";
import type { HostIdentity } from "./journal.ts";

/** What a run ended with, and a digest of everything that this depended on. */
export interface Settled {
  /** When the kernel was last looked at in full. Milliseconds since 1970. */
  readonly at_ms: number;
  readonly digest: string;
  readonly outcome_json: string;
}

/** Table `settled`: a row for each network namespace of this boot. */
export class SettledState {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get({ boot_id, netns }: HostIdentity): Settled | undefined {
    return this.#db.get<Settled>(
      "SELECT at_ms, digest, outcome_json FROM settled WHERE boot_id = ? AND netns = ?",
      boot_id,
      netns,
    );
  }

  put({ boot_id, netns }: HostIdentity, { at_ms, digest, outcome_json }: Settled): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM settled WHERE boot_id <> ?", boot_id);
      const row = "INSERT OR REPLACE INTO settled VALUES (?, ?, ?, ?, ?)";
      this.#db.run(row, boot_id, netns, at_ms, digest, outcome_json);
    });
  }
}
