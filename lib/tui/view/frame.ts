import { isShortOfRoom } from "../../capability/conntrack_fill.ts";
import { plural } from "../../model/plural.ts";
import { isShortOfPorts, portUses } from "../../reconcile/source_ports.ts";
import { fit, type Line, line, span } from "../line.ts";
import { attentionOf } from "../layout.ts";
import type { State } from "../state.ts";
import { clockTime, count, dayTime, duration, percent } from "../words.ts";

/** The first line: what this is, and of when. */
export function titleLine({ picture, read_only, size }: State): Line {
  const left: Line = [span(" lb status  ", "strong"), span(revisionText(picture?.status))];
  const right = [
    ...read_only === undefined ? [] : ["read-only"],
    ...picture ? [`${clockTime(picture.at_ms)} UTC`] : [],
  ].join("  ");
  return [...fit(left, size.columns - right.length - 1), span(` ${right}`)];
}

function revisionText(status: NonNullable<State["picture"]>["status"] | undefined): string {
  if (!status) return "";
  if (status.revision === null) return "nothing applied";
  const at = status.applied_at_ms === null ? "" : `, applied ${dayTime(status.applied_at_ms)}`;
  return `revision ${status.revision}${at}`;
}

/** What lb is doing. */
export function activityLine({ picture }: State): Line {
  if (!picture) return line(" now: looking …");
  const { holder } = picture.activity;
  const { drift_last_pass, last_pass_at_ms, skipped_passes } = picture.status;
  const now = holder ? `${holder.command} is at work (process ${holder.pid})` : "idle";
  const repaired = drift_last_pass > 0 ? `${drift_last_pass} repaired` : "nothing to repair";
  const last = last_pass_at_ms === null
    ? "no pass yet"
    : `last pass ${duration(picture.at_ms - last_pass_at_ms)} ago, ${repaired}`;
  const skipped = skipped_passes > 0
    ? `; ${plural(skipped_passes, "pass", "passes")} left out so far`
    : "";
  return [span(` now: ${now}; ${last}${skipped}`)];
}

/** What needs attention, as many lines as there is room for; the last one tells of those that are not shown. */
export function attentionLines(state: State, rows: number): Line[] {
  const all = attentionOf(state);
  const shown = all.slice(0, rows);
  return shown.map((text, index) => {
    const others = index === rows - 1 ? all.length - rows : 0;
    return [span(`! ${others > 0 ? `(and ${others} more: e) ` : ""}${text}`, "odd")];
  });
}

/** Longer than that is no news. */
const FULL_MS_MAX = 24 * 3_600_000;

/** Of an emptier table it is news only where it is so near: entries gather wherever traffic begins. */
const TELLING_RATIO = 0.1;
const NEAR_MS = 10 * 60_000;

/** What there is left of what connections need. */
export function headroomLine(state: State): Line {
  const { picture } = state;
  if (!picture) return line("");
  const parts = [conntrackPart(state), ...queuePart(picture), ...portsPart(picture)];
  const spans = parts.flatMap((part, index) => index === 0 ? [part] : [span(" · "), part]);
  return [span(" headroom: "), ...spans];
}

function conntrackPart({ picture, filling }: State) {
  const fill = picture!.status.conntrack;
  if (!fill) return span("conntrack not in use");
  const share = `conntrack ${percent(fill.count, fill.max)} (${count(fill.count)} of ${
    count(fill.max)
  })`;
  const full_ms = filling && filling > 0 ? (fill.max - fill.count) / filling * 1000 : Infinity;
  const isShort = isShortOfRoom(fill);
  const isTelling = full_ms < (fill.count >= fill.max * TELLING_RATIO ? FULL_MS_MAX : NEAR_MS);
  const then = isTelling ? `, full in ${duration(full_ms)}` : "";
  const text = `${isShort ? "! " : ""}${share}${then}`;
  return span(text, isShort || isTelling && full_ms < 3_600_000 ? "odd" : undefined);
}

function queuePart({ queues }: NonNullable<State["picture"]>) {
  if (queues.length === 0) return [];
  const dropped = queues.reduce((sum, each) => sum + each.dropped, 0);
  const waiting = queues.reduce((sum, each) => sum + each.waiting, 0);
  const text = `queue ${count(dropped)} dropped, ${count(waiting)} waiting`;
  return [span(dropped > 0 ? `! ${text}` : text, dropped > 0 ? "odd" : undefined)];
}

/** The backend with the most connections that are masqueraded: each takes a port of the balancer's. */
function portsPart({ status }: NonNullable<State["picture"]>) {
  const [busiest] = portUses(status.services);
  if (!busiest) return [];
  const isShort = isShortOfPorts(busiest);
  const text = `source ports ${percent(busiest.used, busiest.max)} (${busiest.backend})`;
  return [span(isShort ? `! ${text}` : text, isShort ? "odd" : undefined)];
}
