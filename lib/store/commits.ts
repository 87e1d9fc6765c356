import type { Database } from "./database.ts";
import type { HostIdentity } from "./journal.ts";

/** What an engine committed last: see `Committed` of lib/engine/engine.ts, with where and when it holds. */
export interface CommitRecord {
  /** By which the kernel's state is known as ours. */
  readonly token: string;
  readonly objects: Readonly<Record<string, { readonly source: string; readonly listing: string }>>;
  readonly revision: number;
  /** /proc/sys/kernel/random/boot_id: another boot's kernel state is gone. */
  readonly boot_id: string;
  /** Identity of the network namespace it was written to. */
  readonly netns: string;
  /** nft's generation right after the commit; null for an engine without one. */
  readonly generation: number | null;
}

/** Tables `committed`, `pending_token` and `mark_mask`: what engines left in the kernel. */
export class Commits {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  get(engine: string): CommitRecord | undefined {
    const row = this.#db.get<CommitRow>(
      `SELECT token, objects_json, revision, boot_id, netns, generation FROM committed
       WHERE engine = ?`,
      engine,
    );
    return row && toCommit(row);
  }

  /** Says which token is about to be written to the kernel. Comes before the kernel transaction. */
  announce(engine: string, token: string, at_ms: number): void {
    this.#db.run(
      "INSERT OR REPLACE INTO pending_token (engine, token, at_ms) VALUES (?, ?, ?)",
      engine,
      token,
      at_ms,
    );
  }

  /**
   * Tokens announced since the last commit, oldest first. After a crash the kernel may hold any of
   * them: each run that is cut off leaves one more.
   */
  pending(engine: string): string[] {
    return this.#db.all<{ token: string }>(
      "SELECT token FROM pending_token WHERE engine = ? ORDER BY at_ms, rowid",
      engine,
    ).map((row) => row.token);
  }

  /** Records what the kernel holds now. Nothing is pending afterwards. */
  commit(engine: string, record: CommitRecord): void {
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT OR REPLACE INTO committed
           (engine, token, objects_json, revision, boot_id, netns, generation)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
        engine,
        record.token,
        JSON.stringify(record.objects),
        record.revision,
        record.boot_id,
        record.netns,
        record.generation,
      );
      this.#db.run("DELETE FROM pending_token WHERE engine = ?", engine);
    });
  }

  /**
   * Says which bits of conntrack marks the kernel is about to be told to write. Comes before the kernel
   * transaction, and is never taken back while the machine runs: connections outlive rules and configs.
   */
  useMask({ boot_id, netns }: HostIdentity, mask: number): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM mark_mask WHERE boot_id <> ?", boot_id);
      const row = "INSERT OR IGNORE INTO mark_mask (boot_id, netns, mask) VALUES (?, ?, ?)";
      this.#db.run(row, boot_id, netns, mask);
    });
  }

  /** Every mask that connections in this kernel may have been marked with. */
  masks({ boot_id, netns }: HostIdentity): number[] {
    return this.#db.all<{ mask: number }>(
      "SELECT mask FROM mark_mask WHERE boot_id = ? AND netns = ? ORDER BY mask",
      boot_id,
      netns,
    ).map(({ mask }) => mask);
  }

  /** The kernel holds nothing of this engine any more. */
  forget(engine: string): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM committed WHERE engine = ?", engine);
      this.#db.run("DELETE FROM pending_token WHERE engine = ?", engine);
    });
  }
}

type CommitRow = Omit<CommitRecord, "objects"> & { readonly objects_json: string };

function toCommit({ objects_json, ...fields }: CommitRow): CommitRecord {
  return { ...fields, objects: JSON.parse(objects_json) };
}
