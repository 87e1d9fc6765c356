import type { BackendCounters } from "../engine/engine.ts";
import { type Intents, secondsLeft } from "../health/drain.ts";
import type { Standing, Standings } from "../health/standing.ts";
import type { HealthState } from "../model/health.ts";
import type { DrainEnd, Intent, IntentRecord } from "../model/intent.ts";
import { type Rates, ratesBetween, type Sample, totalsOf } from "../model/sample.ts";
import type { EngineName } from "../model/service.ts";
import type { PlacedBackend, PlacedService } from "../model/state.ts";
import { type BackendRow, foldCounter } from "../store/ids.ts";
import { RISING } from "./health/health.ts";
import { weightReason } from "./place.ts";
import type { WorkerReport } from "./queue.ts";
import type { Chosen } from "./selection.ts";

/** A drain as it is now. */
export interface DrainStatus {
  /** null where they cannot be counted. */
  readonly connections_left: number | null;
  /** Seconds until the rest is cut. */
  readonly seconds_left: number | null;
  /** When that is. Milliseconds since 1970. */
  readonly deadline_ms: number | null;
  /** How it ended; null while it goes on. */
  readonly ended: DrainEnd | null;
  /** The backend leaves the config then. */
  readonly removes: boolean;
}

/** One backend as it is now. */
export interface BackendStatus {
  readonly backend: PlacedBackend;
  readonly effective_weight: number;
  /** Why it is not the configured weight; "" where it is. */
  readonly weight_reason: string;
  readonly intent: Intent;
  /** How far its drain is; null where it does not drain. */
  readonly drain: DrainStatus | null;
  readonly health: HealthState;
  /** Why, where it is not healthy; of a healthy one, what is to be known beside. */
  readonly health_reason: string;
  readonly active_connections: number | null;
  readonly new_connections: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
  /** Time of the last check, in milliseconds. */
  readonly check_ms: number | null;
  /**
   * When its health changed last, or it was added. Milliseconds since 1970. null where it fails and is not
   * believed: when it began to is on no record.
   */
  readonly changed_at_ms: number | null;
  /** Choices of the worker's since it began; null where it does not choose, or does not answer. */
  readonly chosen: number | null;
}

/** One service as it is now, and why its engine serves it. */
export interface ServiceStatus {
  readonly service: PlacedService;
  readonly engine: EngineName;
  readonly reason: string;
  readonly backends: readonly BackendStatus[];
  /** Connections that the kernel chose for in the worker's place; null where there is no worker to choose. */
  readonly fallbacks: number | null;
  /** Since when more of its backends fail than is believed; undefined where that is not so. */
  readonly panic_since_ms?: number;
  /** What came about a second since a sample of a moment ago; undefined where there is none. */
  readonly rates?: Rates;
}

/** What was counted of a backend. */
export interface Counted {
  readonly row: BackendRow;
  readonly counters?: BackendCounters;
}

/** By backend id. */
export function joinById(
  rows: readonly BackendRow[],
  counted: readonly BackendCounters[],
): Map<number, Counted> {
  const counters = new Map(counted.map((each) => [each.id, each]));
  return new Map(rows.map((row) => [row.id, { row, counters: counters.get(row.id) }]));
}

/** What was counted of a service. */
export interface ServiceCounts {
  readonly backends: ReadonlyMap<number, Counted>;
  readonly worker?: WorkerReport;
  readonly fallbacks?: number;
}

/** What is known of backends besides their counts. */
export interface Known {
  readonly standings: Standings;
  readonly intents: Intents;
  readonly now_ms: number;
  readonly panic_since_ms?: number;
  /** What was counted of the service a moment ago. */
  readonly before?: Sample;
}

/** Pure. */
export function serviceStatus(
  service: PlacedService,
  { engine, reason }: Pick<Chosen, "engine" | "reason">,
  { backends: counted, worker, fallbacks }: ServiceCounts,
  { standings, intents, now_ms, panic_since_ms, before }: Known,
): ServiceStatus {
  const choices = service.queued ? worker?.status?.chosen : undefined;
  const backends = service.backends.map((backend) => ({
    ...backendStatus(service, backend, counted.get(backend.id)!, standings(service, backend)),
    ...intentStatus(intents(service, backend), counted.get(backend.id)?.counters, now_ms),
    chosen: choices ? choices[backend.id] ?? 0 : null,
  }));
  const rates = before && ratesBetween(before, { at_ms: now_ms, ...totalsOf(backends) });
  return {
    ...{ service, engine, reason, backends },
    fallbacks: fallbacks ?? null,
    ...panic_since_ms !== undefined && { panic_since_ms },
    ...rates && { rates },
  };
}

function backendStatus(
  service: PlacedService,
  backend: PlacedBackend,
  { row, counters }: Counted,
  standing: Standing,
): Omit<BackendStatus, "chosen" | "intent" | "drain"> {
  const raw = counters?.new_connections ?? null;
  return {
    backend,
    effective_weight: backend.effective_weight,
    weight_reason: weightReason(service, backend, standing),
    health: standing.state,
    health_reason: healthReason(standing),
    active_connections: counters?.active_connections ?? null,
    new_connections: raw === null ? null : foldCounter(row, raw).new_total,
    bytes_in: counters?.bytes_in ?? null,
    bytes_out: counters?.bytes_out ?? null,
    check_ms: standing.row?.check_ms ?? null,
    changed_at_ms: changedAt(standing, row),
  };
}

function changedAt({ state, row }: Standing, { added_at_ms }: BackendRow): number | null {
  if (!row) return added_at_ms;
  return row.state === state ? row.since_ms : null;
}

function intentStatus(
  wanted: IntentRecord | undefined,
  counters: BackendCounters | undefined,
  now_ms: number,
): Pick<BackendStatus, "intent" | "drain"> {
  const { intent = "ready" } = wanted ?? {};
  if (!wanted || intent !== "drain") return { intent, drain: null };
  const { ended, removes, deadline_ms } = wanted;
  const connections_left = counters?.active_connections ?? null;
  return {
    intent,
    drain: {
      connections_left,
      // Of one that is over nothing will be cut.
      seconds_left: ended === null ? secondsLeft(wanted, now_ms) : null,
      deadline_ms,
      ended,
      removes,
    },
  };
}

/** Words for its health, "" where there is nothing to say. */
function healthReason({ state, row, isAble }: Standing): string {
  if (!row) return "not checked";
  if (row.reason === "") return state === "unhealthy" ? RISING : "";
  if (state === "healthy") return `last check failed: ${row.reason}`;
  return isAble ? `${row.reason}; not believed` : row.reason;
}
