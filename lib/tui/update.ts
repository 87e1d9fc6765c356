import { answered, inDialog, stepped, wished } from "./dialog.ts";
import { type Act, actOf } from "./keys.ts";
import { layoutOf } from "./layout.ts";
import type { Picture } from "./picture.ts";
import { keyOf, moved } from "./rows.ts";
import { settled } from "./settle.ts";
import {
  chosenService,
  type Event,
  type List,
  type Note,
  type Sort,
  type State,
  type Step,
} from "./state.ts";
import { distance, listName, type Motion, only, turnedTo, withList } from "./step.ts";
import { countedOf, withCounted, withTally } from "./trend.ts";
import { asking, explained, filtering, typed } from "./typing.ts";
import { readLines } from "./view/screen.ts";

/** What an event makes of the screen, and what is to be done outside. Pure. */
export function update(state: State, event: Event): Step {
  const step = changed(state, event);
  return { ...step, state: settled(step.state, state) };
}

function changed(state: State, event: Event): Step {
  switch (event.kind) {
    case "key":
      return pressed(state, event.key);
    case "size":
      return only({ ...state, size: event.size });
    case "time":
      return only({ ...state, now_ms: event.now_ms });
    case "picture":
      return only(withPicture(state, event.picture));
    case "trouble":
      return only({ ...state, trouble: event.message, now_ms: event.now_ms });
    case "history":
      return only({ ...state, trends: withCounted(state.trends, event.counted) });
    case "read-only":
      return only({ ...state, read_only: event.why });
    case "said":
      return only({ ...state, note: { text: event.text, tone: "odd" } });
    case "explained":
      return only(explained(state, event));
    default:
      return answered(state, event);
  }
}

/** How fast the table of connections fills is known by looks that are this far apart, and weighs this much. */
const FILLING_WEIGHT = 0.2;

function withPicture(state: State, picture: Picture): State {
  const { at_ms, status } = picture;
  const before = state.picture?.status.conntrack;
  const now = status.conntrack;
  const elapsed_s = (at_ms - (state.picture?.at_ms ?? at_ms)) / 1000;
  const speed = before && now && elapsed_s > 0 ? (now.count - before.count) / elapsed_s : undefined;
  const filling = speed === undefined
    ? state.filling
    : (state.filling ?? speed) * (1 - FILLING_WEIGHT) + speed * FILLING_WEIGHT;
  return {
    ...state,
    picture,
    now_ms: at_ms,
    trouble: undefined,
    filling,
    trends: withCounted(trendsOf(state, status.services), countedOf(status.services, at_ms)),
    tallies: withTally(state.tallies, status.services, at_ms),
  };
}

/** Of services that are gone nothing is kept. */
function trendsOf({ trends }: State, services: Picture["status"]["services"]): State["trends"] {
  if (trends.size <= services.length) return trends;
  const names = new Set(services.map(({ service }) => service.name));
  return new Map([...trends].filter(([name]) => names.has(name)));
}

function pressed(state: State, key: string): Step {
  if (key === "ctrl-c") return quit(state);
  if (key === "ctrl-l") return acted(state, "redraw");
  const fresh = { ...state, note: undefined };
  if (state.dialog) return inDialog(fresh, key);
  if (state.typing) return typed(fresh, key);
  const act = actOf(key);
  return act ? acted(fresh, act) : only(fresh);
}

function quit(state: State): Step {
  return { state, effects: [{ kind: "quit" }] };
}

function acted(state: State, act: Act): Step {
  switch (act) {
    case "quit":
      return quit(state);
    case "redraw":
      return { state, effects: [{ kind: "redraw" }] };
    case "open":
      return only(opened(state));
    case "back":
      return only(gone(state));
    case "filter":
      return only(filtering(state));
    case "sort":
      return only(resorted(state));
    case "events":
    case "help":
      return only(state.page === act ? gone(state) : turnedTo(state, act));
    case "why":
      return only(asking(state));
    case "drain":
    case "ready":
    case "maintenance":
      return wished(state, () => ({ kind: act }));
    case "more":
    case "less":
      return wished(state, (one) => ({
        kind: "weight",
        weight: stepped(one.backend.weight, act),
      }));
    default:
      return only(scrolled(state, act));
  }
}

function opened(state: State): State {
  if (state.page !== "services" || !chosenService(state)) return state;
  const backends: List = { ...state.lists.backends, filter: "", chosen: undefined, top: 0 };
  return { ...state, page: "service", lists: { ...state.lists, backends } };
}

/** A filter goes first; then the page. */
function gone(state: State): State {
  const { page, from } = state;
  if (page === "services" || page === "service") {
    const name = page === "services" ? "services" : "backends";
    if (state.lists[name].filter !== "") return withList(state, name, { filter: "" });
    return { ...state, page: "services" };
  }
  return { ...state, page: from, top: 0, reading: undefined };
}

const SORTS: readonly Sort[] = ["config", "name", "new", "active", "worst"];

const SORT_WORDS: Readonly<Record<Sort, string>> = {
  config: "as configured",
  name: "by name",
  new: "by new connections",
  active: "by active connections",
  worst: "the worst first",
};

function resorted(state: State): State {
  const name = listName(state);
  if (!name) return state;
  const sort = SORTS[(SORTS.indexOf(state.lists[name].sort) + 1) % SORTS.length]!;
  const note: Note = { text: `sorted ${SORT_WORDS[sort]}`, tone: "plain" };
  return { ...withList(state, name, { sort, top: 0 }), note };
}

function scrolled(state: State, motion: Motion): State {
  const layout = layoutOf(state);
  const name = listName(state);
  if (!name) {
    const by = distance(motion, layout.text);
    const most = Math.max(0, readLines(state).length - layout.text);
    return { ...state, top: Math.min(most, Math.max(0, state.top + by)) };
  }
  const by = distance(motion, Math.max(1, layout[name]));
  const keys = name === "services"
    ? state.listing.services.map(({ service }) => service.name)
    : state.listing.backends.map(keyOf);
  return { ...state, lists: { ...state.lists, [name]: moved(state.lists[name], keys, by) } };
}
