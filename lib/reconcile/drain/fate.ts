import { tellsEnd } from "../../health/intent_change.ts";
import type { IntentRow } from "../../model/intent.ts";
import { backendKey, fullName, nameOfKey } from "../../model/service.ts";
import type { Config } from "../../model/settings.ts";
import type { Store } from "../../store/store.ts";

/** What became of drains that somebody has waited for. */
export interface Fates {
  /** Those that did not come to their end, a sentence for each. */
  readonly calledOff: readonly string[];
  /** One has, and its backend is still to leave the config. */
  readonly isLeaving: boolean;
}

/**
 * Who waits for a drain goes on to switch the backend off: that none is under way does not tell that it may.
 *
 * @param config what is in force
 * @param waited as the drains were when the waiting began
 */
export function drainFates(
  { intents, events }: Pick<Store, "intents" | "events">,
  { services }: Pick<Config, "services">,
  waited: readonly IntentRow[],
): Fates {
  const rows = new Map(intents.all().map((row) => [fullName(row.service, row.backend), row]));
  const configured = new Set(
    services.flatMap(({ name, backends }) =>
      backends.map((one) => fullName(name, backendKey(one)))
    ),
  );
  const hasEnded = ({ service, backend, since_ms }: IntentRow) =>
    events.list({ since_ms, limit: EVENTS_MAX }).some((event) =>
      event.service === service && event.backend === backend && tellsEnd(event)
    );
  const found = waited.map((was) => {
    const key = fullName(was.service, was.backend);
    return { was, is: rows.get(key), isThere: configured.has(key) };
  });
  const calledOff = found.flatMap(({ was, is, isThere }) => {
    const words = isThere ? stayWords(was, is) : hasEnded(was) ? undefined : GONE;
    return words === undefined ? [] : [`${was.service} ${nameOfKey(was.backend)} ${words}`];
  });
  const isLeaving = found.some(({ is, isThere }) =>
    isThere && is?.intent === "drain" && is.ended !== null && is.removes
  );
  return { calledOff, isLeaving };
}

/** All there are. */
const EVENTS_MAX = 10_000;

const GONE = "is no backend any more: its drain did not come to its end";

/** Of who is in the config. @returns undefined where it is as it was wanted, or still may be */
function stayWords(was: IntentRow, is: IntentRow | undefined): string | undefined {
  if (is?.intent === "maintenance") {
    return "is in maintenance: its drain was called off, and what is established goes on";
  }
  if (is?.intent !== "drain") return "is ready again: its drain was called off";
  const stays = was.removes && !is.removes && is.ended !== null;
  return stays ? "is drained, and stays in the config: its removal was called off" : undefined;
}
