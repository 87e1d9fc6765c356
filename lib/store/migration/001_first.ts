import type { Migration } from "./migration.ts";

/** Revisions, what engines committed, backend ids, events, the host journal, the last pass, known facts. */
export const first: Migration = {
  version: 1,
  statements: [
    `CREATE TABLE revision (
       revision       INTEGER PRIMARY KEY AUTOINCREMENT,
       at_ms          INTEGER NOT NULL,
       who            TEXT NOT NULL,
       command        TEXT NOT NULL,
       config_text    TEXT NOT NULL,
       outcome        TEXT CHECK (outcome IN ('applied', 'failed')),
       finished_at_ms INTEGER,
       plan_json      TEXT,
       detail         TEXT
     ) STRICT`,
    `CREATE INDEX revision_applied ON revision (revision) WHERE outcome = 'applied'`,
    `CREATE TABLE committed (
       engine       TEXT PRIMARY KEY,
       token        TEXT NOT NULL,
       objects_json TEXT NOT NULL,
       revision     INTEGER NOT NULL REFERENCES revision (revision),
       boot_id      TEXT NOT NULL,
       netns        TEXT NOT NULL,
       generation   INTEGER
     ) STRICT`,
    `CREATE TABLE pending_token (
       engine TEXT NOT NULL,
       token  TEXT NOT NULL,
       at_ms  INTEGER NOT NULL,
       PRIMARY KEY (engine, token)
     ) STRICT`,
    `CREATE TABLE backend_id (
       id             INTEGER PRIMARY KEY,
       service        TEXT NOT NULL,
       backend        TEXT NOT NULL,
       added_at_ms    INTEGER NOT NULL,
       released_at_ms INTEGER,
       new_total      INTEGER NOT NULL,
       last_raw       INTEGER NOT NULL,
       UNIQUE (service, backend)
     ) STRICT`,
    `CREATE TABLE event (
       id        INTEGER PRIMARY KEY AUTOINCREMENT,
       at_ms     INTEGER NOT NULL,
       kind      TEXT NOT NULL,
       service   TEXT,
       backend   TEXT,
       message   TEXT NOT NULL,
       data_json TEXT
     ) STRICT`,
    `CREATE INDEX event_at ON event (at_ms)`,
    `CREATE TABLE journal (
       id        INTEGER PRIMARY KEY AUTOINCREMENT,
       boot_id   TEXT NOT NULL,
       netns     TEXT NOT NULL,
       resource  TEXT NOT NULL,
       key       TEXT NOT NULL,
       "before"  TEXT,
       "after"   TEXT NOT NULL,
       why       TEXT NOT NULL,
       at_ms     INTEGER NOT NULL,
       undone_at INTEGER
     ) STRICT`,
    // One original value per key: a second record would take our own value for the operator's.
    `CREATE UNIQUE INDEX journal_open ON journal (boot_id, netns, resource, key)
       WHERE undone_at IS NULL`,
    `CREATE TABLE pass (
       id    INTEGER PRIMARY KEY CHECK (id = 1),
       at_ms INTEGER NOT NULL,
       drift INTEGER NOT NULL
     ) STRICT`,
    `CREATE TABLE facts (
       boot_id        TEXT NOT NULL,
       kernel_release TEXT NOT NULL,
       nft_version    TEXT NOT NULL,
       json           TEXT NOT NULL,
       PRIMARY KEY (boot_id, kernel_release, nft_version)
     ) STRICT`,
  ],
};
