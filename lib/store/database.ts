import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { LbError } from "../model/error.ts";

/** How long a statement waits for another process's transaction. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * SQLite's primary result codes (https://sqlite.org/rescode.html) that are the machine's doing, not
 * ours, with what the operator can do. Extended codes carry the primary one in their low byte.
 */
const OPERATOR_ERRORS: Readonly<Record<number, readonly ["busy" | "not-permitted", string]>> = {
  5: ["busy", "another process is writing to it; try again"],
  8: ["not-permitted", "it is read-only: run as the user who owns it, on a writable file system"],
  10: ["not-permitted", "the disk is full, or failing: look at df, then at the kernel log"],
  11: ["not-permitted", "it is damaged: move it away, and lb starts a new one"],
  13: ["not-permitted", "the disk is full: free some space"],
  14: ["not-permitted", "it cannot be opened: look at the folder's owner and mode, and at df"],
  26: ["not-permitted", "it is not an SQLite database: move it away, and lb starts a new one"],
};

/**
 * An SQLite file: each statement is prepared once and kept, and what the operator can mend is an
 * {@linkcode LbError}.
 */
export class Database {
  readonly path: string;
  readonly #db: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  #rollbacks = 0;

  /**
   * @param options.immutable takes the file as it is, without what a writer has not yet put there, and
   * makes no -wal and -shm beside it, as every other reader of a WAL database does
   * @throws {LbError} where the file cannot be opened or is not a database
   */
  constructor(path: string, options: { readOnly: boolean; immutable?: boolean }) {
    this.path = path;
    this.#db = this.#guard(() =>
      new DatabaseSync(options.immutable ? immutableUri(path) : path, {
        readOnly: options.readOnly,
        enableForeignKeyConstraints: true,
        timeout: BUSY_TIMEOUT_MS,
      })
    );
  }

  /** Runs a statement that gives no rows. `id` is the last inserted row's. */
  run(sql: string, ...values: SQLInputValue[]): { readonly changes: number; readonly id: number } {
    const { changes, lastInsertRowid } = this.#guard(() => this.#prepare(sql).run(...values));
    return { changes: Number(changes), id: Number(lastInsertRowid) };
  }

  /**
   * The first row, if there is one. `Row` names the columns asked for; that they hold these types is
   * the STRICT schema's doing.
   */
  get<Row>(sql: string, ...values: SQLInputValue[]): Row | undefined {
    const row = this.#guard(() => this.#prepare(sql).get(...values));
    return row && { ...row } as Row;
  }

  /** All rows; `Row` as for {@linkcode get}. */
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[] {
    const rows = this.#guard(() => this.#prepare(sql).all(...values));
    // Copied, because node:sqlite's rows have no prototype, which makes them unequal to any literal.
    return rows.map((row) => ({ ...row }) as Row);
  }

  /**
   * Runs `work` in one transaction: committed when it returns, rolled back when it throws. Inside
   * another transaction it is part of that one.
   */
  transaction<T>(work: () => T): T {
    if (this.#db.isTransaction) return work();
    // IMMEDIATE: a reader that turns writer half-way gets SQLITE_BUSY without the busy time-out.
    this.run("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.run("COMMIT");
      return result;
    } catch (error) {
      this.#rollbacks++;
      if (this.#db.isTransaction) this.run("ROLLBACK");
      throw error;
    }
  }

  /**
   * Stays the same for as long as what this process read and wrote here is what the database holds: until
   * another one commits, or a transaction of this one is rolled back. https://sqlite.org/pragma.html,
   * "data_version"
   */
  stamp(): string {
    const row = this.get<{ data_version: number }>("PRAGMA data_version");
    return `${row?.data_version} ${this.#rollbacks}`;
  }

  close(): void {
    this.#prepared.clear();
    this.#db.close();
  }

  #prepare(sql: string): StatementSync {
    const known = this.#prepared.get(sql);
    if (known) return known;
    const statement = this.#db.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }

  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const known = OPERATOR_ERRORS[resultCode(cause) & 0xff];
      if (!known) throw cause;
      const [code, advice] = known;
      const message = (cause as Error).message;
      throw new LbError(code, `state database ${this.path}: ${message}; ${advice}`, { cause });
    }
  }
}

/** https://sqlite.org/uri.html */
function immutableUri(path: string): string {
  return `file:${path.split("/").map(encodeURIComponent).join("/")}?immutable=1`;
}

function resultCode(error: unknown): number {
  if (!(error instanceof Error)) return 0;
  if ("errcode" in error && typeof error.errcode === "number") return error.errcode;
  // Deno 2.9 gives no code where the file cannot be opened at all.
  return error.message.startsWith("unable to open database file") ? 14 : 0;
}
