import { chosenService, type Effect, type State, type Step } from "./state.ts";
import { listName, noted, only, turnedTo, withList } from "./step.ts";

/** Begins to type what rows are to have in them. Pure. */
export function filtering(state: State): State {
  const name = listName(state);
  if (!name) return state;
  return { ...state, typing: { what: "filter", text: state.lists[name].filter } };
}

/** Begins to type what `lb why` is asked. Pure. */
export function asking(state: State): State {
  if (!state.can_explain) return noted(state, 'there is no "lb why" in this lb');
  return { ...state, typing: { what: "why", text: "" } };
}

/** What a key does while something is typed. Pure. */
export function typed(state: State, key: string): Step {
  const { what, text } = state.typing!;
  if (key === "escape") return only(typingOver(state, what === "filter" ? "" : undefined));
  if (key === "enter") {
    return what === "filter"
      ? only({ ...state, typing: undefined })
      : explaining(state, text.trim());
  }
  const next = key === "backspace" ? [...text].slice(0, -1).join("") : text + character(key);
  const typing = { what, text: next };
  const name = listName(state);
  if (what === "why" || !name) return only({ ...state, typing });
  return only({ ...withList(state, name, { filter: next, top: 0 }), typing });
}

function character(key: string): string {
  return [...key].length === 1 ? key : "";
}

/** @param filter what the list is to be filtered by; undefined leaves it as it is */
function typingOver(state: State, filter: string | undefined): State {
  const name = listName(state);
  const next = { ...state, typing: undefined };
  return filter === undefined || !name ? next : withList(next, name, { filter });
}

function explaining(state: State, flow: string): Step {
  const next = { ...state, typing: undefined };
  if (flow === "") return only(next);
  const serial = state.serial + 1;
  const service = chosenService(state);
  const question = { flow, ...service && { service: service.service.name } };
  const shown = { ...turnedTo(next, "why"), serial, reading: { title: `why ${flow}` } };
  const effect: Effect = { kind: "explain", question, serial };
  return { state: shown, effects: [effect] };
}

/** The answer to the last question. Pure. */
export function explained(
  state: State,
  { serial, lines }: { serial: number; lines: readonly string[] },
): State {
  if (!state.reading || state.serial !== serial) return state;
  return { ...state, reading: { ...state.reading, lines } };
}
