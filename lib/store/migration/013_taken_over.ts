import type { Migration } from "./migration.ts";

/** Where rules were taken over that nothing on record told of: what else was set before is not known there. */
export const takenOver: Migration = {
  version: 13,
  statements: [
    `CREATE TABLE taken_over (
       boot_id TEXT NOT NULL,
       netns   TEXT NOT NULL,
       at_ms   INTEGER NOT NULL,
       vips    TEXT NOT NULL,
       PRIMARY KEY (boot_id, netns)
     ) STRICT, WITHOUT ROWID`,
  ],
};
