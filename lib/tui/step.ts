import type { List, Page, State, Step } from "./state.ts";

/** Nothing is to be done outside. */
export function only(state: State): Step {
  return { state, effects: [] };
}

/** With a word on the last line, of what cannot be done. */
export function noted(state: State, text: string): State {
  return { ...state, note: { text, tone: "odd" } };
}

/** On a page that is read, from its beginning. */
export function turnedTo(state: State, page: Exclude<Page, "services" | "service">): State {
  const from = state.page === "services" || state.page === "service" ? state.page : state.from;
  return { ...state, page, from, top: 0 };
}

/** The list that keys are for; undefined on pages that are read. */
export function listName({ page }: State): "services" | "backends" | undefined {
  if (page === "services") return "services";
  return page === "service" ? "backends" : undefined;
}

/** With a list that is another one. */
export function withList(state: State, name: "services" | "backends", list: Partial<List>): State {
  return { ...state, lists: { ...state.lists, [name]: { ...state.lists[name], ...list } } };
}

/** How keys go through rows. */
export type Motion = "up" | "down" | "page-up" | "page-down" | "first" | "last";

/** By how many rows a motion goes on. */
export function distance(motion: Motion, page: number): number {
  switch (motion) {
    case "up":
      return -1;
    case "down":
      return 1;
    case "page-up":
      return -page;
    case "page-down":
      return page;
    case "first":
      return -Infinity;
    case "last":
      return Infinity;
  }
}
