import type { Recorded } from "../model/state.ts";
import type { Database } from "./database.ts";
import type { HostIdentity } from "./journal.ts";

/** What an engine committed last: see `Committed` of lib/engine/engine.ts, with where and when it holds. */
export interface CommitRecord {
  /** By which the kernel's state is known as ours. */
  readonly token: string;
  /** The kernel's stamp on exactly this state (`Engine.stamp`); null where only a look tells. */
  readonly stamp: string | null;
  readonly revision: number;
  /** The lb that wrote it: another one may write the same state otherwise. */
  readonly lb_version: string;
  /** What the state has besides services, as JSON. */
  readonly frame_json: string;
}

/** What is to be different on record. */
export interface CommitChange {
  /** Services of the state that are not on record just so, as JSON, by name; undefined: gone. */
  readonly services: ReadonlyMap<string, string | undefined>;
  /** Objects that were written; undefined: gone. */
  readonly objects: ReadonlyMap<string, Recorded | undefined>;
  /** Nothing holds of the objects that were on record. */
  readonly isWhole: boolean;
}

/**
 * Tables `committed` and what hangs on it, `pending_token` and `mark_mask`: what engines left in the kernel
 * of a boot, by network namespace.
 */
export class Commits {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** What was committed here; nothing is known of another boot's or namespace's kernel. */
  get(engine: string, { boot_id, netns }: HostIdentity): CommitRecord | undefined {
    return this.#db.get<CommitRecord>(
      `SELECT token, stamp, revision, lb_version, frame_json FROM committed
       WHERE engine = ? AND boot_id = ? AND netns = ?`,
      engine,
      boot_id,
      netns,
    );
  }

  /** The services that were committed here, as JSON, by name. */
  services(engine: string, host: HostIdentity): Map<string, string> {
    const id = this.#id(engine, host);
    if (id === undefined) return new Map();
    return new Map(
      this.#db.all<{ name: string; state_json: string }>(
        "SELECT name, state_json FROM committed_service WHERE commit_id = ?",
        id,
      ).map(({ name, state_json }) => [name, state_json]),
    );
  }

  /** The objects that were committed here, by name. */
  objects(engine: string, host: HostIdentity): Map<string, Recorded> {
    const id = this.#id(engine, host);
    if (id === undefined) return new Map();
    return new Map(
      this.#db.all<Recorded & { object: string }>(
        "SELECT object, source, listing FROM committed_object WHERE commit_id = ?",
        id,
      ).map(({ object, source, listing }) => [object, { source, listing }]),
    );
  }

  /** Says which token is about to be written to the kernel. Comes before the kernel transaction. */
  announce(engine: string, { boot_id, netns }: HostIdentity, token: string, at_ms: number): void {
    const row = "INSERT OR REPLACE INTO pending_token VALUES (?, ?, ?, ?, ?)";
    this.#db.run(row, engine, boot_id, netns, token, at_ms);
  }

  /**
   * Tokens announced since the last commit, oldest first. After a crash the kernel may hold any of
   * them: each run that is cut off leaves one more.
   */
  pending(engine: string, { boot_id, netns }: HostIdentity): string[] {
    return this.#db.all<{ token: string }>(
      `SELECT token FROM pending_token WHERE engine = ? AND boot_id = ? AND netns = ?
       ORDER BY at_ms, rowid`,
      engine,
      boot_id,
      netns,
    ).map((row) => row.token);
  }

  /** Records what the kernel holds now. Nothing is pending afterwards. */
  commit(engine: string, host: HostIdentity, record: CommitRecord, change: CommitChange): void {
    this.#db.transaction(() => {
      // A reboot has ended what was there.
      this.#db.run("DELETE FROM committed WHERE boot_id <> ?", host.boot_id);
      const id = this.#put(engine, host, record);
      for (const [name, json] of change.services) this.#putService(id, name, json);
      if (change.isWhole) this.#db.run("DELETE FROM committed_object WHERE commit_id = ?", id);
      for (const [object, recorded] of change.objects) this.#putObject(id, object, recorded);
      this.settle(engine, host);
    });
  }

  /** What was announced and is not on record never came about. */
  settle(engine: string, { boot_id, netns }: HostIdentity): void {
    // A reboot has ended what was announced before it.
    const done = "engine = ? AND (boot_id <> ? OR netns = ?)";
    this.#db.run(`DELETE FROM pending_token WHERE ${done}`, engine, boot_id, netns);
  }

  /** The kernel has this stamp on what is on record. */
  stamp(engine: string, { boot_id, netns }: HostIdentity, stamp: string): void {
    this.#db.run(
      "UPDATE committed SET stamp = ? WHERE engine = ? AND boot_id = ? AND netns = ?",
      stamp,
      engine,
      boot_id,
      netns,
    );
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
  forget(engine: string, host: HostIdentity): void {
    const { boot_id, netns } = host;
    this.#db.transaction(() => {
      const here = "engine = ? AND boot_id = ? AND netns = ?";
      this.#db.run(`DELETE FROM committed WHERE ${here}`, engine, boot_id, netns);
      this.settle(engine, host);
    });
  }

  #id(engine: string, { boot_id, netns }: HostIdentity): number | undefined {
    return this.#db.get<{ id: number }>(
      "SELECT id FROM committed WHERE engine = ? AND boot_id = ? AND netns = ?",
      engine,
      boot_id,
      netns,
    )?.id;
  }

  #put(engine: string, { boot_id, netns }: HostIdentity, record: CommitRecord): number {
    const { token, stamp, revision, lb_version, frame_json } = record;
    this.#db.run(
      `INSERT INTO committed
         (engine, boot_id, netns, token, stamp, revision, lb_version, frame_json)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (engine, boot_id, netns) DO UPDATE SET
         token = excluded.token, stamp = excluded.stamp, revision = excluded.revision,
         lb_version = excluded.lb_version, frame_json = excluded.frame_json`,
      engine,
      boot_id,
      netns,
      token,
      stamp,
      revision,
      lb_version,
      frame_json,
    );
    return this.#id(engine, { boot_id, netns })!;
  }

  #putService(id: number, name: string, json: string | undefined): void {
    if (json === undefined) {
      this.#db.run("DELETE FROM committed_service WHERE commit_id = ? AND name = ?", id, name);
      return;
    }
    this.#db.run("INSERT OR REPLACE INTO committed_service VALUES (?, ?, ?)", id, name, json);
  }

  #putObject(id: number, object: string, recorded: Recorded | undefined): void {
    if (!recorded) {
      const one = "commit_id = ? AND object = ?";
      this.#db.run(`DELETE FROM committed_object WHERE ${one}`, id, object);
      return;
    }
    const { source, listing } = recorded;
    const row = "INSERT OR REPLACE INTO committed_object VALUES (?, ?, ?, ?)";
    this.#db.run(row, id, object, source, listing);
  }
}
