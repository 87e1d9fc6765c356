import type { Migration } from "./migration.ts";

/** What operators want of backends, and until when rules that cut connections are in the kernel. */
export const intents: Migration = {
  version: 10,
  statements: [
    `CREATE TABLE intent (
       service     TEXT NOT NULL,
       backend     TEXT NOT NULL,
       intent      TEXT NOT NULL CHECK (intent IN ('ready', 'drain', 'maintenance')),
       since_ms    INTEGER NOT NULL,
       deadline_ms INTEGER,
       removes     INTEGER NOT NULL CHECK (removes IN (0, 1)),
       ended       TEXT CHECK (ended IN ('drained', 'cut')),
       PRIMARY KEY (service, backend)
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE cut (
       id       INTEGER PRIMARY KEY CHECK (id = 1),
       until_ms INTEGER NOT NULL
     ) STRICT`,
  ],
};
