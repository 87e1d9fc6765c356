import type { Database } from "./database.ts";

/** What the detected facts depend on: as long as it is the same, they are not probed again. */
export interface FactsKey {
  readonly boot_id: string;
  readonly kernel_release: string;
  readonly nft_version: string;
}

/** Table `facts`: what was last found out about this kernel. */
export class FactsCache {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The JSON kept for exactly this key. */
  get(key: FactsKey): string | undefined {
    return this.#db.get<{ json: string }>(
      "SELECT json FROM facts WHERE boot_id = ? AND kernel_release = ? AND nft_version = ?",
      key.boot_id,
      key.kernel_release,
      key.nft_version,
    )?.json;
  }

  /** Replaces whatever was kept before. */
  put(key: FactsKey, json: string): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM facts");
      this.#db.run(
        "INSERT INTO facts (boot_id, kernel_release, nft_version, json) VALUES (?, ?, ?, ?)",
        key.boot_id,
        key.kernel_release,
        key.nft_version,
        json,
      );
    });
  }

  /** The next run finds everything out anew. */
  forget(): void {
    this.#db.run("DELETE FROM facts");
  }
}
