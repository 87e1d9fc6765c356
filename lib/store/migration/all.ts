import { first } from "./001_first.ts";
import type { Migration } from "./migration.ts";

/** Every step, oldest first. */
export const MIGRATIONS: readonly Migration[] = [first];

/** The schema this lb works with. */
export const SCHEMA_VERSION = MIGRATIONS.length;
