import type { Page } from "./state.ts";

/** What a key can do. */
export type Act =
  | "up"
  | "down"
  | "page-up"
  | "page-down"
  | "first"
  | "last"
  | "open"
  | "back"
  | "filter"
  | "sort"
  | "drain"
  | "ready"
  | "maintenance"
  | "more"
  | "less"
  | "events"
  | "why"
  | "help"
  | "redraw"
  | "quit";

/** A key, and what it does where. */
export interface Binding {
  /** As run.ts names them: a character, or the name of a key. */
  readonly keys: readonly string[];
  readonly act: Act;
  /** How it is called on the screen. */
  readonly label: string;
  /** For the page of help. */
  readonly help: string;
  /** For the last line of the screen; none where there is no room for it. */
  readonly hint?: string;
  /** Where the last line tells of it. @default everywhere */
  readonly pages?: readonly Page[];
}

const LISTS: readonly Page[] = ["services", "service"];

/** All keys: what help says and what keys do comes from the same rows. */
export const BINDINGS: readonly Binding[] = [
  {
    keys: ["up", "k"],
    act: "up",
    label: "↑ k",
    help: "one row up",
  },
  {
    keys: ["down", "j"],
    act: "down",
    label: "↓ j",
    help: "one row down",
  },
  { keys: ["pageup"], act: "page-up", label: "PgUp", help: "one screen up" },
  { keys: ["pagedown", " "], act: "page-down", label: "PgDn", help: "one screen down" },
  { keys: ["home", "g"], act: "first", label: "g", help: "to the first row" },
  { keys: ["end", "G"], act: "last", label: "G", help: "to the last row" },
  {
    keys: ["enter", "right"],
    act: "open",
    label: "enter",
    help: "the backends of a service",
    hint: "open",
    pages: ["services"],
  },
  {
    keys: ["escape", "left"],
    act: "back",
    label: "esc",
    help: "back; takes a filter away first",
    hint: "back",
    pages: ["service", "events", "why", "help"],
  },
  {
    keys: ["d"],
    act: "drain",
    label: "d",
    help: "drain a backend: no new connections, the rest is cut at the deadline",
    hint: "drain",
    pages: ["service"],
  },
  {
    keys: ["r"],
    act: "ready",
    label: "r",
    help: "take a backend back from a drain or maintenance",
    hint: "ready",
    pages: ["service"],
  },
  {
    keys: ["m"],
    act: "maintenance",
    label: "m",
    help: "a backend's maintenance: no new connections and no checks",
    hint: "maint.",
    pages: ["service"],
  },
  {
    keys: ["+", "="],
    act: "more",
    label: "+",
    help: "more weight for a backend, by a tenth of what it has",
    hint: "weight",
    pages: ["service"],
  },
  { keys: ["-"], act: "less", label: "-", help: "less weight for a backend" },
  {
    keys: ["/"],
    act: "filter",
    label: "/",
    help: "only rows with this in them: a name, an address, unhealthy, drain, …",
    hint: "filter",
    pages: LISTS,
  },
  {
    keys: ["s"],
    act: "sort",
    label: "s",
    help: "sort: as configured, by name, new connections, active ones, the worst first",
    hint: "sort",
    pages: LISTS,
  },
  {
    keys: ["e"],
    act: "events",
    label: "e",
    help: "events, and all that needs attention",
    hint: "events",
    pages: LISTS,
  },
  {
    keys: ["w"],
    act: "why",
    label: "w",
    help: "which backend a client's connection goes to, and why",
    hint: "why",
    pages: LISTS,
  },
  { keys: ["?", "h"], act: "help", label: "?", help: "these keys", hint: "help" },
  {
    keys: ["ctrl-l"],
    act: "redraw",
    label: "^L",
    help: "draw the screen anew, where somebody else has written on it",
  },
  { keys: ["q", "ctrl-c"], act: "quit", label: "q", help: "end (Ctrl-C, too)", hint: "quit" },
];

const ACTS: ReadonlyMap<string, Act> = new Map(
  BINDINGS.flatMap(({ keys, act }) => keys.map((key) => [key, act] as const)),
);

/** What a key does, if anything. */
export function actOf(key: string): Act | undefined {
  return ACTS.get(key);
}
