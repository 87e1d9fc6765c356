import { LbError } from "../model/error.ts";
import { Backends } from "./backends.ts";
import { Commits } from "./commits.ts";
import { Database } from "./database.ts";
import { Events } from "./events.ts";
import { FactsCache } from "./facts.ts";
import { checkTrusted, type Owner, secureFile, secureFolder, touch } from "./folder.ts";
import { HealthRecords } from "./health.ts";
import { IntentRecords } from "./intents.ts";
import { type HostIdentity, Journal } from "./journal.ts";
import { Loads } from "./loads.ts";
import { migrate, refuseNewer, schemaVersion } from "./migrate.ts";
import { SCHEMA_VERSION } from "./migration/all.ts";
import { Opened } from "./opened.ts";
import { Outbox } from "./outbox.ts";
import { Passes } from "./passes.ts";
import { Remains } from "./remains.ts";
import { Revisions } from "./revisions.ts";
import { Samples } from "./samples.ts";
import { SettledState } from "./settled.ts";
import { TakeOvers } from "./taken_over.ts";
import { Trials } from "./trials.ts";

/** The database's name inside the state folder. */
export const DATABASE_NAME = "lb.db";

/** Everything lb remembers between two runs, one member per table. */
export class Store {
  readonly revisions: Revisions;
  readonly commits: Commits;
  readonly backends: Backends;
  readonly events: Events;
  readonly facts: FactsCache;
  readonly passes: Passes;
  readonly settled: SettledState;
  readonly remains: Remains;
  readonly health: HealthRecords;
  readonly intents: IntentRecords;
  readonly outbox: Outbox;
  readonly loads: Loads;
  readonly opened: Opened;
  readonly takeOvers: TakeOvers;
  readonly samples: Samples;
  readonly trials: Trials;
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    this.revisions = new Revisions(db);
    this.commits = new Commits(db);
    this.backends = new Backends(db);
    this.events = new Events(db);
    this.facts = new FactsCache(db);
    this.passes = new Passes(db);
    this.settled = new SettledState(db);
    this.remains = new Remains(db);
    this.health = new HealthRecords(db);
    this.intents = new IntentRecords(db);
    this.outbox = new Outbox(db);
    this.loads = new Loads(db);
    this.opened = new Opened(db);
    this.takeOvers = new TakeOvers(db);
    this.samples = new Samples(db);
    this.trials = new Trials(db);
  }

  /** The journal of what was changed on this boot, in this network namespace. */
  journal(host: HostIdentity, now_ms: () => number): Journal {
    return new Journal(this.#db, host, now_ms);
  }

  /** Everything `work` writes is written together, or not at all where it throws. */
  transaction<T>(work: () => T): T {
    return this.#db.transaction(work);
  }

  close(): void {
    this.#db.close();
  }
}

/**
 * Opens the state database for writing; makes folder and database where there are none.
 *
 * @throws {LbError} `not-permitted` for an unsafe folder, `unsupported` for a newer lb's database,
 * `busy` where another process writes for more than 5 s
 */
export function openStore(folder: string, owner: Owner): Store {
  secureFolder(folder, owner);
  const path = `${folder}/${DATABASE_NAME}`;
  try {
    if (owner.files.stat(path)) probe(path, owner);
    secureFile(path, owner);
    return openDatabase(path);
  } catch (error) {
    // SQLite cannot open it: the kernel tells why.
    if (isUnwritable(error) && owner.files.stat(path)?.isFile) touch(path, owner);
    throw error;
  }
}

function openDatabase(path: string): Store {
  return closeOnError(new Database(path, { readOnly: false }), (db) => {
    db.run("PRAGMA journal_mode = WAL");
    // With WAL this cannot damage the database; what a power cut may lose is about a kernel state
    // that the same power cut has ended.
    db.run("PRAGMA synchronous = NORMAL");
    migrate(db);
    return new Store(db);
  });
}

/**
 * Opens the state database for reading only, beside any writer; also where nothing can be written, as on
 * a disk that is full.
 *
 * @param options.immutable leaves no trace in the folder, and may miss what was just written
 * @returns undefined where there is none yet
 * @throws {LbError} as {@linkcode openStore}, and `unsupported` where the schema is an older lb's
 */
export function readStore(
  folder: string,
  owner: Owner,
  options: { readonly immutable?: boolean } = {},
): Store | undefined {
  const path = `${folder}/${DATABASE_NAME}`;
  if (!owner.files.stat(path)) return undefined;
  checkTrusted(`${folder}/.`, owner);
  checkTrusted(path, owner);
  try {
    return readDatabase(path, options);
  } catch (error) {
    if (!isUnwritable(error) || hasUnmerged(path, owner)) throw error;
    return readDatabase(path, { immutable: true });
  }
}

/** Every reader of a WAL database makes an index beside it, which takes a place to write. */
function isUnwritable(error: unknown): boolean {
  return error instanceof LbError && error.code === "not-permitted";
}

/** Without its log the database is as it was some time ago, which is worse than none. */
function hasUnmerged(path: string, { files }: Owner): boolean {
  return (files.stat(`${path}-wal`)?.size_bytes ?? 0) > 0;
}

function readDatabase(path: string, options: { readonly immutable?: boolean }): Store | undefined {
  return closeOnError(new Database(path, { ...options, readOnly: true }), (db) => {
    refuseNewer(db);
    const found = schemaVersion(db);
    if (found === SCHEMA_VERSION) return new Store(db);
    // The very first run was cut off before its first migration.
    if (found === 0) return void db.close();
    throw new LbError(
      "unsupported",
      `state database ${path} is an older lb's: "lb apply" or "lb init" brings it up to date`,
    );
  });
}

/** Looks at an existing database read-only: a newer lb's must not even be switched to WAL. */
function probe(path: string, owner: Owner): void {
  checkTrusted(path, owner);
  const db = new Database(path, { readOnly: true });
  try {
    refuseNewer(db);
  } finally {
    db.close();
  }
}

function closeOnError<T>(db: Database, work: (db: Database) => T): T {
  try {
    return work(db);
  } catch (error) {
    db.close();
    throw error;
  }
}
