import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { EXIT_OK } from "../lib/model/error.ts";
import { EVENT_KINDS, type EventKind, EVENTS_MAX } from "../lib/model/event.ts";
import type { Event, EventQuery } from "../lib/store/events.ts";
import { context, type Places } from "./context.ts";
import { offer, print, printJson, stdoutPaint } from "./shared/io.ts";
import {
  type End,
  examples,
  parseCount,
  parsePatience,
  placedCommand,
  placesOf,
} from "./shared/options.ts";
import { repeat } from "./shared/repeat.ts";

const LIMIT_DEFAULT = 100;

/** How often is looked for new ones. */
const LOOK_MS = 1_000;

/** `lb events` */
export function eventsCommand(end: End) {
  return placedCommand("events")
    .summary("what happened: health, drains, drift, applies; with --follow, as it happens")
    .description(
      "Lists events, the newest last: changes of health, drains and panics, what drifted and was repaired, " +
        "what applies changed. The newest 10,000 are kept.",
    )
    .option("--since <time>", 'only of the last "10m", "1h", …, or from a date on', parseSince)
    .option("--follow", "go on with new ones as they come, until Ctrl-C", false)
    .addOption(
      new Option("--kind <kind>", "only of this kind; can be repeated")
        .choices(EVENT_KINDS).argParser(collectKind).default([] as EventKind[], "all"),
    )
    .option("--limit <count>", "how many to list, the newest", parseCount, LIMIT_DEFAULT)
    .addHelpText(
      "after",
      examples(
        ["lb events", `the newest ${LIMIT_DEFAULT}`],
        [
          "lb events --since 1h --kind health --kind panic",
          "what became of backends in the last hour",
        ],
        ["lb events --follow", "as they come"],
        ["lb events --follow --json | jq .message", "for scripts: an object on each line"],
      ),
    )
    .action(async ({ follow, since, kind, limit, json, ...options }) => {
      context.needRoot("events");
      const places = placesOf(options);
      const kinds = kind.length > 0 ? { kinds: kind } : {};
      const query = { limit, since_ms: since?.() ?? 0, ...kinds };
      if (follow) return end(await tellOn(places, query, json));
      await tellOnce(places, query, json);
      end(EXIT_OK);
    });
}

async function tellOnce(places: Places, query: EventQuery, json: boolean): Promise<void> {
  const { events } = await read(places, query);
  const { eventJson, eventLine } = await import("../lib/report/events.ts");
  if (json) return printJson({ events: events.map(eventJson) });
  const paint = stdoutPaint();
  if (events.length > 0) print(events.map((one) => eventLine(one, paint)).join("\n"));
}

/** The newest there are, then each as it comes. @returns the exit code: of what the last look failed at, or 0 */
async function tellOn(places: Places, query: EventQuery, json: boolean): Promise<number> {
  const { eventJson, eventLine } = await import("../lib/report/events.ts");
  const paint = stdoutPaint();
  const line = (one: Event) => json ? JSON.stringify(eventJson(one)) : eventLine(one, paint);
  let after_id = 0;
  let limit = query.limit;
  return await repeat(LOOK_MS, async () => {
    const { events, last_id } = await read(places, { ...query, after_id, limit });
    after_id = last_id;
    // Of what has come since nothing is left out: a rack that dies is a thousand at once.
    limit = EVENTS_MAX;
    return events.length === 0 || offer(events.map(line).join("\n"));
  });
}

interface Reading {
  /** Oldest first. */
  readonly events: readonly Event[];
  /** Of the newest there is, whatever its kind. */
  readonly last_id: number;
}

/** Nothing where there is no state. */
async function read(places: Places, query: EventQuery): Promise<Reading> {
  const store = await context.readStore(places);
  try {
    if (!store) return { events: [], last_id: 0 };
    // Before the list: what comes in between is listed now, and not again.
    const last_id = store.events.lastId();
    const after_id = query.after_id ?? 0;
    // A state that was deleted begins anew, and so do the ids in it.
    const isAnew = last_id < after_id;
    const events = store.events.list({ ...query, after_id: isAnew ? 0 : after_id }).reverse();
    return { events, last_id: Math.max(last_id, events.at(-1)?.id ?? 0) };
  } finally {
    store?.close();
  }
}

/** A time without its zone: JavaScript would take it for local, and all that lb prints is UTC. */
const ZONELESS = /[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/;

/** @returns the moment, as of when it is asked for. Milliseconds since 1970 */
function parseSince(text: string): () => number {
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const at_ms = Date.parse(ZONELESS.test(text) ? `${text}Z` : text);
    if (Number.isNaN(at_ms)) {
      throw new InvalidArgumentError('write a date such as "2026-11-20T09:00Z".');
    }
    return () => at_ms;
  }
  const ago_ms = agoOf(text);
  return () => context.clock.now_ms() - ago_ms;
}

/** Whoever wrote neither is told of both. */
function agoOf(text: string): number {
  try {
    return parsePatience(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(
      'write a time such as "10m" or "1h", or a date such as "2026-11-20T09:00Z".',
    );
  }
}

function collectKind(text: string, before: readonly EventKind[]): EventKind[] {
  const kind = EVENT_KINDS.find((one) => one === text);
  if (kind) return [...before, kind];
  throw new InvalidArgumentError(`write one of ${EVENT_KINDS.join(", ")}.`);
}
