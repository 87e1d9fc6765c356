import type { Migration } from "./migration.ts";

/** The mark masks that connections of a boot may bear. */
export const markMask: Migration = {
  version: 3,
  statements: [
    // For a while in development the second step made this table.
    `CREATE TABLE IF NOT EXISTS mark_mask (
       boot_id TEXT NOT NULL,
       netns   TEXT NOT NULL,
       mask    INTEGER NOT NULL,
       PRIMARY KEY (boot_id, netns, mask)
     ) STRICT`,
  ],
};
