import type { Migration } from "./migration.ts";

/**
 * What runs are cut off from, and what they end with, is of one boot and network namespace: several may
 * share a state folder. Nothing is carried over: the next run looks.
 */
export const byNamespace: Migration = {
  version: 7,
  statements: [
    "DROP TABLE pending_token",
    `CREATE TABLE pending_token (
       engine  TEXT NOT NULL,
       boot_id TEXT NOT NULL,
       netns   TEXT NOT NULL,
       token   TEXT NOT NULL,
       at_ms   INTEGER NOT NULL,
       PRIMARY KEY (engine, boot_id, netns, token)
     ) STRICT`,
    "DROP TABLE settled",
    `CREATE TABLE settled (
       boot_id      TEXT NOT NULL,
       netns        TEXT NOT NULL,
       at_ms        INTEGER NOT NULL,
       digest       TEXT NOT NULL,
       outcome_json TEXT NOT NULL,
       PRIMARY KEY (boot_id, netns)
     ) STRICT`,
  ],
};
