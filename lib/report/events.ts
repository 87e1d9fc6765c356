import { nameOfKey } from "../model/service.ts";
import { shortTime } from "../model/time.ts";
import type { Event } from "../store/events.ts";
import { type Paint, type Style } from "./table.ts";

const STYLES: Readonly<Record<string, Style>> = {
  drift: "yellow",
  panic: "red",
  health: "bold",
  drain: "bold",
};

/** The longest of the kinds there are, `address`. */
const KIND_WIDTH = 7;

/** One event of `lb events --json`. */
export function eventJson({ id, at_ms, kind, service, backend, message, data_json }: Event) {
  return {
    id,
    at: new Date(at_ms).toISOString(),
    kind,
    service: service ?? null,
    backend: backend === undefined ? null : nameOfKey(backend),
    message,
    ...data_json !== undefined && { data: JSON.parse(data_json) },
  };
}

/** One line. */
export function eventLine({ at_ms, kind, message }: Event, paint: Paint): string {
  const time = shortTime(at_ms);
  const name = kind.padEnd(KIND_WIDTH);
  const style = STYLES[kind];
  return `${paint(time, "dim")}  ${style ? paint(name, style) : name}  ${oneLine(message)}`;
}

/** What the kernel says may be several. */
function oneLine(message: string): string {
  return message.trim().replaceAll(/\s*\n\s*/g, " / ");
}
