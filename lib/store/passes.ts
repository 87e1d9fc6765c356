import type { Database } from "./database.ts";

/** The last time the kernel was held against the config. */
export interface Pass {
  /** Milliseconds since 1970. */
  readonly at_ms: number;
  /** Objects that had to be repaired. */
  readonly drift: number;
}

/** The last pass, and what became of those before it. */
export interface PassRecord extends Pass {
  /** Passes left out since there is a state, because the one before was still under way. */
  readonly skipped: number;
  /** When one was last that may have had nothing to look at; null where none was. Milliseconds since 1970. */
  readonly ended_at_ms: number | null;
}

/** Table `pass`: one row. */
export class Passes {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  last(): PassRecord | undefined {
    return this.#db.get<PassRecord>("SELECT at_ms, drift, skipped, ended_at_ms FROM pass");
  }

  /** When the last pass was, whether it had to look at the kernel or not. Milliseconds since 1970. */
  lastAt(): number | null {
    const last = this.last();
    return last ? Math.max(last.at_ms, last.ended_at_ms ?? 0) : null;
  }

  record({ at_ms, drift }: Pass): void {
    this.#db.run(
      `INSERT INTO pass (id, at_ms, drift) VALUES (1, ?, ?)
       ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms, drift = excluded.drift`,
      at_ms,
      drift,
    );
  }

  /** A pass has come to its end, whether it had to look at the kernel or not. */
  end(at_ms: number): void {
    this.#db.run("UPDATE pass SET ended_at_ms = ?", at_ms);
  }

  /** What was told last of what is not well, as a digest; "" where all was well. */
  told(): string {
    return this.#db.get<{ told: string }>("SELECT told FROM pass")?.told ?? "";
  }

  /** Puts it on record for the next run, if there ever was a pass. */
  tell(digest: string): void {
    this.#db.run("UPDATE pass SET told = ?", digest);
  }

  /** Counts passes that were left out. */
  skip(count: number): void {
    this.#db.run("UPDATE pass SET skipped = skipped + ?", count);
  }
}
