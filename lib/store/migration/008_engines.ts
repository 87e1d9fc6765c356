import type { Migration } from "./migration.ts";

/**
 * A service keeps its engine over changes of config and kernel, until it is moved. What is in force is taken
 * from what engines have committed.
 */
export const engines: Migration = {
  version: 8,
  statements: [
    "ALTER TABLE revision ADD COLUMN engines_json TEXT",
    `UPDATE revision SET engines_json = (
       SELECT json_group_object(name, engine)
       FROM committed_service JOIN committed ON committed.id = commit_id
     ) WHERE revision = (SELECT max(revision) FROM revision WHERE outcome = 'applied')`,
  ],
};
