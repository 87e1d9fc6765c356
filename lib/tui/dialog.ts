import type { BackendStatus } from "../reconcile/status.ts";
import { type Act, actOf } from "./keys.ts";
import { layoutOf } from "./layout.ts";
import type { Order, Wish } from "./picture.ts";
import { keyOf } from "./rows.ts";
import { chosenService, type Event, type State, type Step } from "./state.ts";
import { distance, type Motion, noted, only } from "./step.ts";
import { HEAD_AND_QUESTION, orderText, planLines } from "./view/dialog.ts";

/** Asks for a change of the chosen backend. Pure. */
export function wished(state: State, wishOf: (one: BackendStatus) => Wish): Step {
  if (state.read_only !== undefined) return only(noted(state, `read-only: ${state.read_only}`));
  if (state.page !== "service") {
    return only(noted(state, "choose a backend first: enter opens a service"));
  }
  const service = chosenService(state);
  const { listing, lists } = state;
  const one = listing.backends.find((backend) => keyOf(backend) === lists.backends.chosen);
  if (!service || !one) return only(noted(state, "there is no backend to choose"));
  const { address, port } = one.backend;
  return planned(state, { service: service.service.name, address, port, wish: wishOf(one) });
}

function planned(state: State, order: Order): Step {
  const serial = state.serial + 1;
  const dialog = { order, serial, phase: "planning", lines: [], top: 0 } as const;
  return { state: { ...state, serial, dialog }, effects: [{ kind: "plan", order, serial }] };
}

const WEIGHT_MAX = 65_535;

/** A tenth of what it is more or less, 1 at least. */
export function stepped(weight: number, act: "more" | "less"): number {
  const by = Math.max(1, Math.round(weight / 10));
  return Math.min(WEIGHT_MAX, Math.max(0, act === "more" ? weight + by : weight - by));
}

/** What a key does while a change is asked for. Pure. */
export function inDialog(state: State, key: string): Step {
  const dialog = state.dialog!;
  const { phase, order, serial } = dialog;
  // What has begun is finished first.
  if (phase === "applying") return only(state);
  const act = actOf(key);
  if (phase === "asking" && key === "y") {
    const applying = { ...dialog, phase: "applying" as const };
    return {
      state: { ...state, dialog: applying },
      effects: [{ kind: "apply", order, serial }],
    };
  }
  if (order.wish.kind === "weight" && phase !== "failed" && (act === "more" || act === "less")) {
    const { weight } = order.wish;
    const wish: Wish = { kind: "weight", weight: stepped(weight, act) };
    return planned(state, { ...order, wish });
  }
  const by = act === undefined ? undefined : readingBy(act, state);
  if (by !== undefined) return only({ ...state, dialog: { ...dialog, top: dialogTop(state, by) } });
  const text = phase === "failed" ? undefined : `not done: ${orderText(order)}`;
  return only({ ...state, dialog: undefined, note: text ? { text, tone: "plain" } : undefined });
}

function readingBy(act: Act, state: State): number | undefined {
  const motions: readonly Act[] = ["up", "down", "page-up", "page-down", "first", "last"];
  return motions.includes(act) ? distance(act as Motion, layoutOf(state).text) : undefined;
}

function dialogTop(state: State, by: number): number {
  const dialog = state.dialog!;
  const room = layoutOf(state).text - HEAD_AND_QUESTION;
  const most = Math.max(0, planLines(dialog, state.size.columns).length - room);
  return Math.min(most, Math.max(0, dialog.top + by));
}

/** What lb says to a question that is still open. Pure. */
export function answered(
  state: State,
  event: Extract<Event, { readonly kind: "planned" | "refused" | "applied" }>,
): Step {
  const { dialog } = state;
  if (!dialog || dialog.serial !== event.serial) return only(state);
  const { lines, kind } = event;
  if (kind === "planned") {
    return only({ ...state, dialog: { ...dialog, phase: "asking", lines } });
  }
  if (kind === "refused") {
    return only({ ...state, dialog: { ...dialog, phase: "failed", lines, top: 0 } });
  }
  const text = [`done: ${orderText(dialog.order)}`, ...lines].join("; ");
  const next: State = { ...state, dialog: undefined, note: { text, tone: "good" } };
  return { state: next, effects: [{ kind: "look" }] };
}
