import type { Migration } from "./migration.ts";

/** What backends' loads were found to be, and how many connections they were given: both follow from looks. */
export const load: Migration = {
  version: 12,
  statements: [
    `CREATE TABLE load (
       service       TEXT NOT NULL,
       backend       TEXT NOT NULL,
       scheduler     TEXT NOT NULL,
       cost          REAL NOT NULL,
       noise         REAL NOT NULL,
       checked_at_ms INTEGER NOT NULL,
       read_at_ms    INTEGER,
       reason        TEXT NOT NULL,
       PRIMARY KEY (service, backend)
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE opened (
       service TEXT NOT NULL,
       backend TEXT NOT NULL,
       opened  INTEGER NOT NULL,
       at_ms   INTEGER NOT NULL,
       PRIMARY KEY (service, backend)
     ) STRICT, WITHOUT ROWID`,
  ],
};
