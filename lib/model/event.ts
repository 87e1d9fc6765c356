import { JOURNAL_RESOURCES } from "./journal.ts";

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
export type EventKind = typeof EVENT_KINDS[number];
