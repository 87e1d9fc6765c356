import type { HealthChange } from "../model/health.ts";
import type { DrainEnd, IntentRecord, IntentRow } from "../model/intent.ts";
import { plural } from "../model/plural.ts";
import { nameOfKey } from "../model/service.ts";
import { secondsLeft } from "./drain.ts";

/** Whom a line is about. */
interface About {
  readonly service: string;
  /** The backend's `backendKey`. */
  readonly backend: string;
  /** As people write it. */
  readonly endpoint: string;
}

/** What keeps connections from a backend that is ready; undefined where nothing does. */
export type Obstacle = "weight" | "health" | "backup" | undefined;

/** What a wish has changed of a backend, for people; nothing where it is as before. Pure. */
export function wishChange(
  about: About,
  before: IntentRecord | undefined,
  now: IntentRecord | undefined,
  now_ms: number,
  obstacle?: Obstacle,
): HealthChange[] {
  const words = wordsFor(before, now, now_ms, obstacle);
  return words === undefined ? [] : [changeOf(about, words)];
}

function wordsFor(
  before: IntentRecord | undefined,
  now: IntentRecord | undefined,
  now_ms: number,
  obstacle: Obstacle,
): string | undefined {
  const [was, is] = [before?.intent ?? "ready", now?.intent ?? "ready"];
  if (is === "ready") {
    return was === "ready" ? undefined : `is ready again: ${readyWords(obstacle)}`;
  }
  if (is === "maintenance") {
    return was === is
      ? undefined
      : "is in maintenance: no new connections and no checks until it is ready again";
  }
  const isAsBefore = was === is && before?.removes === now?.removes &&
    before?.deadline_ms === now?.deadline_ms;
  return isAsBefore ? undefined : drainWords(now!, now_ms);
}

function readyWords(obstacle: Obstacle): string {
  switch (obstacle) {
    case "weight":
      return "it gets no connections, for its weight is 0";
    case "health":
      return "it gets connections when its checks succeed";
    case "backup":
      return "it gets connections when no primary does";
    case undefined:
      return "it gets connections now";
  }
}

function drainWords(now: IntentRecord, now_ms: number): string {
  const left_s = secondsLeft(now, now_ms);
  const end = left_s === 0 ? "what is established is cut" : `what is left is cut in ${left_s} s`;
  const then = now.removes ? ", and it leaves the config" : "";
  return `drains: no new connections, ${end}${then}`;
}

/** That a drain has come to its end. Pure. @param count of connections that were cut */
export function endChange(about: About, ended: DrainEnd, count: number): HealthChange {
  const words = ended === "drained"
    ? `${DRAINED} no connection is left`
    : `${DEADLINE} ${plural(count, "connection")} cut`;
  return changeOf(about, words);
}

const DRAINED = "is drained:";
const DEADLINE = "is at its deadline:";

/** Whether an event of a backend is that its drain has come to its end. Pure. */
export function tellsEnd({ kind, message }: Pick<HealthChange, "message"> & { kind: string }) {
  return kind === "drain" && [DRAINED, DEADLINE].some((words) => message.includes(` ${words} `));
}

/**
 * What has been asked of backends of a service between two moments, for people: a sentence's beginning for each. That
 * a drain has ended meanwhile, or that somebody has grown back to his weight, nobody has asked for. Pure.
 */
export function wishesBetween(before: readonly IntentRow[], now: readonly IntentRow[]): string[] {
  const [was, is] = [before, now].map((rows) => new Map(rows.map((row) => [row.backend, row])));
  const backends = [...new Set([...was!.keys(), ...is!.keys()])];
  return backends.flatMap((backend) => {
    const words = askedWords(was!.get(backend), is!.get(backend));
    return words === undefined ? [] : [`${nameOfKey(backend)} ${words}`];
  });
}

function askedWords(before?: IntentRecord, now?: IntentRecord): string | undefined {
  const [was, is] = [before?.intent ?? "ready", now?.intent ?? "ready"];
  if (was !== is) return `has been set to ${is}${now?.removes ? ", to be removed then" : ""}`;
  if (is !== "drain") return undefined;
  if (before!.removes !== now!.removes) return `is ${now!.removes ? "" : "not "}to be removed`;
  return before!.deadline_ms === now!.deadline_ms ? undefined : "has another deadline of its drain";
}

function changeOf({ service, backend, endpoint }: About, words: string): HealthChange {
  return { kind: "drain", service, backend, message: `${service} ${endpoint} ${words}` };
}
