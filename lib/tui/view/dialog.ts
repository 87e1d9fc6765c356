import { formatEndpoint } from "../../model/address.ts";
import { type Line, line, span } from "../line.ts";
import { wrapped } from "../../model/width.ts";
import type { Order } from "../picture.ts";
import type { Dialog, State } from "../state.ts";
import { ruled } from "./events.ts";

/** `drain web 198.51.100.11:8080` */
export function orderText({ service, address, port, wish }: Order): string {
  const name = `${service} ${formatEndpoint(address, port)}`;
  return wish.kind === "weight" ? `weight ${wish.weight} for ${name}` : `${wish.kind} ${name}`;
}

/** The lines of a plan, broken where they are too long. Pure. */
export function planLines({ lines }: Dialog, columns: number): string[] {
  return lines.flatMap((text) => wrapped(text, columns - 4, "    "));
}

/** A change that was asked for, and what it would do. */
export function dialogPage({ dialog, size }: State, rows: number): Line[] {
  if (!dialog) return [];
  const { order, phase, top } = dialog;
  const title = `${orderText(order)}${phase === "asking" ? "?" : ""}`;
  const body = phase === "planning"
    ? [line("  planning …", "faint")]
    : planLines(dialog, size.columns).slice(top, top + rows - HEAD_AND_QUESTION).map((text) =>
      line(`  ${text}`, phase === "failed" ? "odd" : undefined)
    );
  return [ruled(title, size.columns), ...body, line(""), questionLine(dialog)].slice(0, rows);
}

/** A line for the title, one for the question, one between. */
export const HEAD_AND_QUESTION = 3;

function questionLine({ phase, order }: Dialog): Line {
  switch (phase) {
    case "planning":
      return [span("  esc", "strong"), span(" leaves it")];
    case "asking": {
      const weight = order.wish.kind === "weight"
        ? [span("   + -", "strong"), span(" another weight")]
        : [];
      return [
        span("  y", "strong"),
        span(" does it   "),
        span("n", "strong"),
        span(" does not"),
        ...weight,
      ];
    }
    case "applying":
      return line("  at work …");
    case "failed":
      return [span("  ! ", "bad"), span("not done; "), span("esc", "strong"), span(" goes back")];
  }
}
