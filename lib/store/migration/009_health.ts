import type { Migration } from "./migration.ts";

/** What checks say of each backend, services in panic, and passes that were left out. */
export const health: Migration = {
  version: 9,
  statements: [
    `CREATE TABLE health (
       service       TEXT NOT NULL,
       backend       TEXT NOT NULL,
       state         TEXT NOT NULL CHECK (state IN ('unknown', 'healthy', 'unhealthy')),
       since_ms      INTEGER NOT NULL,
       streak        INTEGER NOT NULL,
       flaps         INTEGER NOT NULL,
       risen_at_ms   INTEGER,
       checked_at_ms INTEGER NOT NULL,
       reason        TEXT NOT NULL,
       check_ms      REAL NOT NULL,
       PRIMARY KEY (service, backend)
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE panic (
       service  TEXT PRIMARY KEY,
       since_ms INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID`,
    "ALTER TABLE pass ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0",
  ],
};
