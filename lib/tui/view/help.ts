import { BINDINGS } from "../keys.ts";
import { type Line, line, span } from "../line.ts";
import { wrapped } from "../../model/width.ts";
import type { State } from "../state.ts";
import { ruled } from "./events.ts";
import { LEGEND, sign } from "./signs.ts";

const LABEL_COLUMNS = 8;

/** Every key, and what the signs mean. */
export function helpPage({ size, read_only }: State): Line[] {
  const keys = BINDINGS.flatMap(({ label, help }) =>
    wrapped(help, size.columns - LABEL_COLUMNS).map((text, index) => [
      span((index === 0 ? ` ${label}` : "").padEnd(LABEL_COLUMNS), "strong"),
      span(text),
    ])
  );
  const asked =
    "A change is asked for first: y brings it about as planned, any other key does not.";
  const signs = LEGEND.map(([standing, meaning]) => [
    span("  "),
    sign(standing),
    span(`  ${meaning}`),
  ]);
  return [
    ruled("keys", size.columns),
    ...keys,
    ...paragraph(asked, size.columns),
    ...read_only === undefined ? [] : paragraph(`Read-only: ${read_only}.`, size.columns),
    ruled("signs", size.columns),
    ...signs,
    ruled("columns", size.columns),
    ...COLUMNS.flatMap((text) => paragraph(text, size.columns)),
  ];
}

const COLUMNS: readonly string[] = [
  "NEW/S: new connections per second over the last ten seconds. ACTIVE: connections that are open.",
  "10 MIN: new connections over the last ten minutes, each service by its own scale.",
  "UP: backends that take new connections, of all.",
  "WEIGHT: 25/100 is 25 now, of 100 in the config. DUE: the share that this gives to a backend. " +
  "GETS: its share of the new connections of the last ten seconds.",
];

function paragraph(text: string, columns: number): Line[] {
  return wrapped(text, columns - 2).map((one) => line(` ${one}`));
}
