import type { Migration } from "./migration.ts";

/** Config texts apart from their revisions: the record of how a run ended rewrites a whole row. */
export const configText: Migration = {
  version: 5,
  statements: [
    `CREATE TABLE config_text (
       revision INTEGER PRIMARY KEY REFERENCES revision (revision) ON DELETE CASCADE,
       text     TEXT NOT NULL
     ) STRICT`,
    "INSERT INTO config_text SELECT revision, config_text FROM revision",
    "ALTER TABLE revision DROP COLUMN config_text",
  ],
};
