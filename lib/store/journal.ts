import type { JournalEntry, JournalRecord, JournalResource } from "../model/journal.ts";
import type { Database } from "./database.ts";

/** Where a host change holds: a reboot ends it, and another network namespace never had it. */
export interface HostIdentity {
  /** /proc/sys/kernel/random/boot_id */
  readonly boot_id: string;
  /** Identity of the network namespace. */
  readonly netns: string;
  /**
   * The next namespace may get the same identity: before linux 5.14 there is only an inode number to go
   * by. Then nothing is known of the kernel without a look.
   */
  readonly isReusable?: boolean;
}

/** So many of the newest stay though they are closed: what is repaired each minute would fill the disk. */
const ENTRIES_MAX = 10_000;

/**
 * Table `journal`: what host values were before lb changed them. An entry is committed before the
 * kernel is written, so that a run cut off between the two can still be undone. Entries of another
 * boot or namespace are kept for a while but not seen: those values are not in this kernel.
 */
export class Journal {
  readonly #db: Database;
  readonly #host: HostIdentity;
  readonly #now_ms: () => number;

  constructor(db: Database, host: HostIdentity, now_ms: () => number) {
    this.#db = db;
    this.#host = host;
    this.#now_ms = now_ms;
  }

  /** Writes all of them or none, in this order. They are on record when it returns. */
  record(records: readonly JournalRecord[]): JournalEntry[] {
    return this.#db.transaction(() => {
      this.#prune();
      return records.map((record) => this.#insert(record));
    });
  }

  /** What still stands in this kernel, in whichever namespace, stays however old it is. */
  #prune(): void {
    this.#db.run(
      `DELETE FROM journal WHERE id <= (SELECT max(id) FROM journal) - ?
       AND (undone_at IS NOT NULL OR boot_id <> ?)`,
      ENTRIES_MAX,
      this.#host.boot_id,
    );
  }

  /** What was changed has moved on: these entries say so from now on, all of them or none. */
  amend(ids: readonly number[], after: string): void {
    this.#db.transaction(() => {
      for (const id of ids) this.#db.run('UPDATE journal SET "after" = ? WHERE id = ?', after, id);
    });
  }

  /** The change was put back, or is no longer ours to put back. */
  undone(id: number): void {
    this.#db.run("UPDATE journal SET undone_at = ? WHERE id = ?", this.#now_ms(), id);
  }

  /** Changes that stand, oldest first. */
  open(resource: JournalResource): JournalEntry[] {
    return this.#db.all<JournalEntry>(
      `SELECT id, resource, key, "before", "after", why, ifindex, at_ms, undone_at FROM journal
       WHERE undone_at IS NULL AND boot_id = ? AND netns = ? AND resource = ? ORDER BY id`,
      this.#host.boot_id,
      this.#host.netns,
      resource,
    );
  }

  #insert(record: JournalRecord): JournalEntry {
    const at_ms = this.#now_ms();
    const { ifindex = null } = record;
    const { id } = this.#db.run(
      `INSERT INTO journal (boot_id, netns, resource, key, "before", "after", why, ifindex, at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      this.#host.boot_id,
      this.#host.netns,
      record.resource,
      record.key,
      record.before,
      record.after,
      record.why,
      ifindex,
      at_ms,
    );
    return { ...record, ifindex, id, at_ms, undone_at: null };
  }
}
