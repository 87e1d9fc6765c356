import type { Database } from "./database.ts";
import type { HostIdentity } from "./journal.ts";

/** That rules were taken over whose lb has left no record here. */
export interface TakeOver {
  /** When that was. Milliseconds since 1970. */
  readonly at_ms: number;
  /** What the config had then, where it has lb place them: they may have been placed before. */
  readonly vips: readonly string[];
}

/** Table `taken_over`: where the past is not known, by boot and network namespace. */
export class TakeOvers {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  of({ boot_id, netns }: HostIdentity): TakeOver | undefined {
    const row = this.#db.get<{ at_ms: number; vips: string }>(
      "SELECT at_ms, vips FROM taken_over WHERE boot_id = ? AND netns = ?",
      boot_id,
      netns,
    );
    return row && { at_ms: row.at_ms, vips: row.vips.split(" ").filter(Boolean) };
  }

  /** The first one stays: it is closest to what was lost. */
  note({ boot_id, netns }: HostIdentity, { at_ms, vips }: TakeOver): void {
    this.#db.run(
      `INSERT INTO taken_over (boot_id, netns, at_ms, vips) VALUES (?, ?, ?, ?)
       ON CONFLICT (boot_id, netns) DO NOTHING`,
      boot_id,
      netns,
      at_ms,
      vips.join(" "),
    );
  }

  /** It was told of, and is over: here, and on earlier boots. */
  forget({ boot_id, netns }: HostIdentity): void {
    this.#db.run(
      "DELETE FROM taken_over WHERE boot_id <> ? OR netns = ?",
      boot_id,
      netns,
    );
  }
}
