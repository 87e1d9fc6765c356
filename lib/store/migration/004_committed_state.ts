import type { Migration } from "./migration.ts";

/**
 * What engines committed, one row for each service and object: at 10,000 services a change writes a few of
 * them. Nothing is carried over: a kernel with an older lb's rules is taken over like an unknown one's.
 */
export const committedState: Migration = {
  version: 4,
  statements: [
    "DROP TABLE committed",
    `CREATE TABLE committed (
       id         INTEGER PRIMARY KEY,
       engine     TEXT NOT NULL,
       boot_id    TEXT NOT NULL,
       netns      TEXT NOT NULL,
       token      TEXT NOT NULL,
       stamp      TEXT,
       revision   INTEGER NOT NULL REFERENCES revision (revision),
       lb_version TEXT NOT NULL,
       frame_json TEXT NOT NULL,
       UNIQUE (engine, boot_id, netns)
     ) STRICT`,
    `CREATE TABLE committed_service (
       commit_id  INTEGER NOT NULL REFERENCES committed (id) ON DELETE CASCADE,
       name       TEXT NOT NULL,
       state_json TEXT NOT NULL,
       PRIMARY KEY (commit_id, name)
     ) STRICT, WITHOUT ROWID`,
    `CREATE TABLE committed_object (
       commit_id INTEGER NOT NULL REFERENCES committed (id) ON DELETE CASCADE,
       object    TEXT NOT NULL,
       source    TEXT NOT NULL,
       listing   TEXT NOT NULL,
       PRIMARY KEY (commit_id, object)
     ) STRICT, WITHOUT ROWID`,
  ],
};
