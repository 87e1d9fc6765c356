import type { Migration } from "./migration.ts";

/** Interfaces are known by their index: somebody may give them another name. */
export const ifindex: Migration = {
  version: 6,
  statements: [
    "ALTER TABLE journal ADD COLUMN ifindex INTEGER",
    "DROP INDEX journal_open",
    // Another interface may have got the name that the first one had.
    `CREATE UNIQUE INDEX journal_open ON journal (boot_id, netns, resource, key, coalesce(ifindex, 0))
       WHERE undone_at IS NULL`,
  ],
};
