import type { Migration } from "./migration.ts";

/**
 * What was counted of services, a row for each moment: a row for each service would be a thousand of them to
 * write every few seconds, and an index as large as the counts. And when a pass was last, also where there was
 * nothing to look at.
 */
export const samples: Migration = {
  version: 14,
  statements: [
    `CREATE TABLE sample (
       at_ms       INTEGER PRIMARY KEY,
       services    INTEGER NOT NULL,
       counts_json TEXT NOT NULL
     ) STRICT`,
    "ALTER TABLE pass ADD COLUMN ended_at_ms INTEGER",
  ],
};
