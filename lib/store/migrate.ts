import { LbError } from "../model/error.ts";
import type { Database } from "./database.ts";
import { MIGRATIONS, SCHEMA_VERSION } from "./migration/all.ts";
import type { Migration } from "./migration/migration.ts";

/** The schema the database has; 0 where it has none yet. */
export function schemaVersion(db: Database): number {
  return db.get<{ user_version: number }>("PRAGMA user_version")?.user_version ?? 0;
}

/** @throws {LbError} `unsupported` where a newer lb made the database. Only reads. */
export function refuseNewer(db: Database): void {
  const found = schemaVersion(db);
  if (found <= SCHEMA_VERSION) return;
  throw new LbError(
    "unsupported",
    `state database ${db.path} has schema ${found}, this lb knows ${SCHEMA_VERSION}: ` +
      `use the newer lb that made it, or another folder with --state; nothing was changed`,
  );
}

/**
 * Brings the schema up to date, in one transaction: where a step fails, the database is still as the
 * older lb left it, which can go on with it.
 */
export function migrate(db: Database, steps: readonly Migration[] = MIGRATIONS): void {
  db.transaction(() => {
    // Read inside the transaction: another lb may just have done it.
    const found = schemaVersion(db);
    for (const { version, statements } of steps) {
      if (version <= found) continue;
      for (const statement of statements) db.run(statement);
      db.run(`PRAGMA user_version = ${version}`);
    }
  });
}
