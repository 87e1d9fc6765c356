import { layoutOf } from "./layout.ts";
import { keyOf, listingOf, settledList } from "./rows.ts";
import type { State } from "./state.ts";
import { readLines } from "./view/screen.ts";

/** Rows, choices and the places of lists follow from the rest. Pure. */
export function settled(state: State, before: State): State {
  const listing = isSameListing(state, before) ? state.listing : listingOf(state);
  const listed = { ...state, listing };
  if (!state.picture) return listed;
  const names = listing.services.map(({ service }) => service.name);
  const layout = layoutOf(listed);
  const services = settledList(
    state.lists.services,
    names,
    state.page === "services" ? layout.services : names.length,
  );
  // The page of a service that is gone stays empty; one that was asked for by name may come yet.
  const isKept = state.page !== "services" && state.lists.services.chosen !== undefined;
  const lists = {
    services: isKept ? state.lists.services : services,
    backends: settledList(state.lists.backends, listing.backends.map(keyOf), layout.backends),
  };
  const next = { ...listed, lists };
  return lists.services.chosen === state.lists.services.chosen
    ? clamped(next)
    : settled(next, state);
}

function isSameListing(a: State, b: State): boolean {
  const same = (of: (state: State) => unknown) => of(a) === of(b);
  return same(({ picture }) => picture) && same(({ trends }) => trends) &&
    same(({ lists }) => lists.services.filter) && same(({ lists }) => lists.services.sort) &&
    same(({ lists }) => lists.services.chosen) && same(({ lists }) => lists.backends.filter) &&
    same(({ lists }) => lists.backends.sort);
}

/** Nobody scrolls beyond the end of a text. */
function clamped(state: State): State {
  if (state.page === "services" || state.page === "service") return state;
  const most = Math.max(0, readLines(state).length - layoutOf(state).text);
  return state.top > most ? { ...state, top: most } : state;
}
