import type { Migration } from "./migration.ts";

/** What the last run ended with, by everything that its result depended on. */
export const settled: Migration = {
  version: 2,
  statements: [
    `CREATE TABLE settled (
       id           INTEGER PRIMARY KEY CHECK (id = 1),
       at_ms        INTEGER NOT NULL,
       digest       TEXT NOT NULL,
       outcome_json TEXT NOT NULL
     ) STRICT`,
  ],
};
