import type { Migration } from "./migration.ts";

/** What was applied until somebody confirms it, and which revisions were taken back because nobody did. */
export const trial: Migration = {
  version: 15,
  statements: [
    `CREATE TABLE trial (
       id       INTEGER PRIMARY KEY CHECK (id = 1),
       revision INTEGER NOT NULL,
       back_to  INTEGER,
       until_ms INTEGER NOT NULL
     ) STRICT`,
    "ALTER TABLE revision ADD COLUMN reverted_at_ms INTEGER",
  ],
};
