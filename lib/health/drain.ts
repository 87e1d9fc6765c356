import type { DrainEnd, IntentRecord, IntentRow } from "../model/intent.ts";
import { type Backend, backendKey, fullName, type Service } from "../model/service.ts";
import { DRAIN_DEADLINE_MS } from "../model/intent.ts";
import { slowStart } from "./slow_start.ts";

/** What an operator asks for. */
export type Wish =
  | { readonly kind: "ready" | "maintenance" }
  | {
    readonly kind: "drain";
    /** The backend leaves the config when it is over. @default false */
    readonly removes?: boolean;
    /** What is established is cut at once. @default false */
    readonly cuts?: boolean;
  };

/**
 * What is on record of a backend after a wish. Who asks for a drain that is under way does not put its
 * deadline off. Pure.
 *
 * @param now_ms milliseconds since 1970
 * @returns undefined where nothing is left to remember
 */
export function wished(
  { kind, ...how }: Wish,
  { drain, balance }: Pick<Service, "drain" | "balance">,
  before: IntentRecord | undefined,
  now_ms: number,
): IntentRecord | undefined {
  const since = { since_ms: now_ms, deadline_ms: null, removes: false, ended: null };
  if (kind === "ready") {
    if (!before || before.intent === "ready") return before;
    return balance.slow_start_ms > 0 ? { ...since, intent: "ready" } : undefined;
  }
  if (kind === "maintenance") {
    return before?.intent === kind ? before : { ...since, intent: kind };
  }
  const { removes = false, cuts = false } = how as Partial<Extract<Wish, { kind: "drain" }>>;
  const lasts_ms = drain?.deadline_ms ?? DRAIN_DEADLINE_MS;
  const going = before?.intent === "drain" ? before : undefined;
  const deadline_ms = cuts ? now_ms : going?.deadline_ms ?? now_ms + lasts_ms;
  const ended = cuts && going?.ended !== "cut" ? null : going?.ended ?? null;
  return { intent: "drain", since_ms: going?.since_ms ?? now_ms, deadline_ms, removes, ended };
}

/** A drain under way, and how many connections its backend has left. */
export interface Draining {
  readonly row: IntentRow;
  readonly connections: number;
}

/** Drains that have come to their end, and how. Pure. @param now_ms milliseconds since 1970 */
export function endings<Known extends Draining>(
  drains: readonly Known[],
  now_ms: number,
): { readonly drain: Known; readonly ended: DrainEnd }[] {
  return drains.flatMap((drain): { drain: Known; ended: DrainEnd }[] => {
    const { row: { intent, ended, deadline_ms }, connections } = drain;
    if (intent !== "drain" || ended !== null) return [];
    if (connections === 0) return [{ drain, ended: "drained" }];
    const isOver = deadline_ms !== null && now_ms >= deadline_ms;
    return isOver ? [{ drain, ended: "cut" }] : [];
  });
}

/** When the next drain is over at the latest; undefined where none is under way. Since 1970. Pure. */
export function nextDeadline(rows: readonly IntentRow[]): number | undefined {
  const times = rows.flatMap(({ intent, ended, deadline_ms }) =>
    intent === "drain" && ended === null && deadline_ms !== null ? [deadline_ms] : []
  );
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** Seconds until the rest is cut, 0 from then on; null where nothing will be. Pure. */
export function secondsLeft({ deadline_ms }: IntentRecord, now_ms: number): number | null {
  return deadline_ms === null ? null : Math.max(0, Math.ceil((deadline_ms - now_ms) / 1000));
}

/** Rows that still mean something: their backend is configured, and not all that grows has grown. Pure. */
export function lasting(
  rows: readonly IntentRow[],
  services: readonly Service[],
  now_ms: number,
): IntentRow[] {
  const known = new Map(
    services.flatMap((service) =>
      service.backends.map((backend) =>
        [fullName(service.name, backendKey(backend)), service] as const
      )
    ),
  );
  return rows.filter((row) => {
    const service = known.get(fullName(row.service, row.backend));
    return service !== undefined && (row.intent !== "ready" || isGrowing(row, service, now_ms));
  });
}

function isGrowing(row: IntentRecord, { balance }: Pick<Service, "balance">, now_ms: number) {
  return slowStart(row.since_ms, balance.slow_start_ms, now_ms) < 1;
}

/** Looks up what is wanted of a backend; undefined of one that simply serves. */
export type Intents = (
  service: Pick<Service, "name">,
  backend: Pick<Backend, "address" | "port">,
) => IntentRecord | undefined;

/** For where nothing is wanted of anybody but to serve. */
export const ALL_READY: Intents = () => undefined;

/** Pure. */
export function intentsOf(rows: readonly IntentRow[]): Intents {
  if (rows.length === 0) return ALL_READY;
  const byName = new Map(rows.map((row) => [fullName(row.service, row.backend), row]));
  return ({ name }, backend) => byName.get(fullName(name, backendKey(backend)));
}
