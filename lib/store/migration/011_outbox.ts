import type { Migration } from "./migration.ts";

/**
 * What is still to be told to whom: up to which event the outbox is filled, what waits, how the last tries went;
 * and what passes have told last of what is not well.
 */
export const outbox: Migration = {
  version: 11,
  statements: [
    `CREATE TABLE outbox_filled (
       id    INTEGER PRIMARY KEY CHECK (id = 1),
       event INTEGER NOT NULL
     ) STRICT`,
    `CREATE TABLE channel (
       channel         TEXT PRIMARY KEY CHECK (channel IN ('webhook', 'program')),
       due_at_ms       INTEGER NOT NULL,
       failures        INTEGER NOT NULL,
       error           TEXT NOT NULL,
       delivered       INTEGER NOT NULL,
       delivered_at_ms INTEGER,
       given_up        INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE outbox (
       channel   TEXT NOT NULL REFERENCES channel (channel) ON DELETE CASCADE,
       event     INTEGER NOT NULL,
       attempts  INTEGER NOT NULL,
       due_at_ms INTEGER NOT NULL,
       PRIMARY KEY (channel, event)
     ) STRICT, WITHOUT ROWID`,
    "ALTER TABLE pass ADD COLUMN told TEXT NOT NULL DEFAULT ''",
  ],
};
