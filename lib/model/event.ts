import { JOURNAL_RESOURCES } from "./journal.ts";

/** How many are kept, the newest. cron runs lb every minute: without an end the table would fill the disk. */
export const EVENTS_MAX = 10_000;

/** What an event can be about: docs/cli.md, "lb events". */
export const EVENT_KINDS = [
  "apply",
  "drift",
  "engine",
  ...JOURNAL_RESOURCES,
  "health",
  "panic",
  "drain",
  "notify",
] as const;

/** One of {@linkcode EVENT_KINDS}. */
export type EventKind = typeof EVENT_KINDS[number];
