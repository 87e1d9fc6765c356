import type { Migration } from "./migration.ts";

/**
 * A row for each revision that is, or may come to be, in force until somebody confirms it: who tries another one on top of
 * a trial, and is killed, must not end that. With what was wanted of backends, which is forgotten with those that the
 * trial has not. And which revisions were taken back because nobody confirmed them.
 */
export const trial: Migration = {
  version: 15,
  statements: [
    `CREATE TABLE trial (
       revision     INTEGER PRIMARY KEY,
       back_to      INTEGER,
       since_ms     INTEGER NOT NULL,
       until_ms     INTEGER NOT NULL,
       intents_json TEXT NOT NULL
     ) STRICT`,
    "ALTER TABLE revision ADD COLUMN reverted_at_ms INTEGER",
  ],
};
