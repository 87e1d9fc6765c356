import { type Line, line, span } from "../line.ts";
import { wrapped } from "../../model/width.ts";
import { attentionOf } from "../layout.ts";
import type { Happening } from "../picture.ts";
import type { State } from "../state.ts";
import { dayTime } from "../words.ts";

/** The last ones, newest first, a line each; nothing where there is no room. */
export function eventsBlock({ picture, size }: State, rows: number): Line[] {
  if (rows <= 0 || !picture) return [];
  const happenings = picture.happenings.slice(0, rows);
  return [ruled("events", size.columns), ...happenings.map(eventLine)];
}

function eventLine({ at_ms, message }: Happening): Line {
  return [span(` ${dayTime(at_ms)} `, "faint"), span(message)];
}

/** A line across the screen with a title in it. */
export function ruled(title: string, columns: number): Line {
  const head = `── ${title} `;
  return line(head + "─".repeat(Math.max(0, columns - head.length)), "faint");
}

/** What needs attention in full, then all events that are known. */
export function eventsPage(state: State): Line[] {
  const { columns } = state.size;
  const attention = attentionOf(state).flatMap((text) =>
    wrapped(`! ${text}`, columns - 1, "  ").map((one) => line(` ${one}`, "odd"))
  );
  const happenings = state.picture?.happenings ?? [];
  const events = happenings.flatMap(({ at_ms, kind, message }) => {
    const head = ` ${dayTime(at_ms)} ${kind.padEnd(8)} `;
    return wrapped(message, Math.max(20, columns - head.length)).map((text, index) => [
      span(index === 0 ? head : " ".repeat(head.length), "faint"),
      span(text),
    ]);
  });
  return [
    ...attention.length > 0 ? [ruled("needs attention", columns), ...attention] : [],
    ruled("events, newest first", columns),
    ...events.length > 0 ? events : [line(" none yet", "faint")],
  ];
}
