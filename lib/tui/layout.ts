import { plural } from "../model/plural.ts";
import { trialWords } from "../model/trial.ts";
import { editedWords } from "../reconcile/edited.ts";
import type { State } from "./state.ts";
import { chosenService } from "./state.ts";

/** Smaller than that nothing is drawn but a word about it. */
export const SMALLEST = { columns: 60, rows: 15 };

/** How many rows each part of the screen has. */
export interface Layout {
  readonly attention: number;
  readonly services: number;
  readonly backends: number;
  /** Whether there is room to name the columns of backends beside services. */
  readonly isHeaded: boolean;
  readonly happenings: number;
  /** Lines of pages that are read. */
  readonly text: number;
}

/** Title, what lb does, headroom, and the last line. */
const FRAME_ROWS = 4;
const ATTENTION_MAX = 2;
/** What is told of a service above its backends, and of the backend that is chosen below them. */
const SERVICE_ROWS = 3;
const HEAD_ROWS = 1;

/** What the operator should do something about, a sentence for each. Pure. */
export function attentionOf({ picture, trouble }: State): string[] {
  const failed = trouble === undefined ? [] : [`the last look failed: ${trouble}`];
  if (!picture) return failed;
  const { status } = picture;
  const drifted = status.drifted.length === 0 ? [] : [
    `${plural(status.drifted.length, "object")} not as applied (${status.drifted[0]}); ` +
    '"lb reconcile" puts it right',
  ];
  const trial = status.trial ? [trialWords(status.trial)] : [];
  const edited = status.config_edited ? [editedWords(status)] : [];
  const panics = status.services.filter(({ panic_since_ms }) => panic_since_ms !== undefined)
    .map(({ service }) =>
      `${service.name} is in panic: more backends fail than is believed, connections go where they went before`
    );
  return [...failed, ...trial, ...panics, ...status.blocked, ...drifted, ...edited];
}

/** Where everything goes. Pure. */
export function layoutOf(state: State): Layout {
  const attention = Math.min(ATTENTION_MAX, attentionOf(state).length);
  const body = Math.max(1, state.size.rows - FRAME_ROWS - attention);
  const base = {
    ...{ attention, services: 0, backends: 0, isHeaded: true },
    ...{ happenings: 0, text: body },
  };
  const happenings = state.picture?.happenings.length ?? 0;
  if (state.page === "services") return { ...base, ...listRows(state, body, happenings) };
  if (state.page !== "service") return base;
  const rest = body - SERVICE_ROWS - HEAD_ROWS;
  const events = leastEvents(body, happenings);
  const backends = Math.max(1, Math.min(state.listing.backends.length, rest - headed(events)));
  return { ...base, backends, happenings: upTo(happenings, rest - backends) };
}

function listRows(state: State, body: number, happenings: number) {
  const { length: count } = state.listing.services;
  const beside = chosenService(state)?.backends.length ?? 0;
  const rest = body - headed(leastEvents(body, happenings));
  const spare = rest - 2 * HEAD_ROWS;
  const most = Math.max(spare - beside, Math.ceil(spare * 0.6));
  const services = Math.max(1, Math.min(count, most));
  const backends = Math.min(beside, spare - services);
  const least = HEAD_ROWS + services + headed(backends);
  const isHeaded = backends > 0 && rest > least;
  const used = least + (isHeaded ? HEAD_ROWS : 0);
  return { services, backends, isHeaded, happenings: upTo(happenings, body - used) };
}

/** What events get where lists would take all. */
function leastEvents(body: number, happenings: number): number {
  return Math.min(happenings, body >= 18 ? 5 : body >= 10 ? 2 : 0);
}

function headed(rows: number): number {
  return rows > 0 ? rows + HEAD_ROWS : 0;
}

function upTo(wanted: number, room: number): number {
  return Math.max(0, Math.min(wanted, room - HEAD_ROWS));
}
