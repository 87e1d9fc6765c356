import type { HealthRow, HealthState, Panic } from "../model/health.ts";
import { type Backend, backendKey, fullName, type Service } from "../model/service.ts";
import { slowStart } from "./slow_start.ts";
import { healthOf } from "./target.ts";

/** What follows for a backend from what is known of its health. */
export interface Standing {
  /** As its checks say, also where they are not believed. */
  readonly state: HealthState;
  /** New connections may go to it. */
  readonly isAble: boolean;
  /** How far it has grown since it recovered, up to 1. */
  readonly slow_start: number;
  /** What its checks told; undefined where it is not checked, or was not yet. */
  readonly row?: HealthRow;
}

/** Looks a backend's standing up. */
export type Standings = (
  service: Pick<Service, "name" | "health" | "snmp" | "balance">,
  backend: Pick<Backend, "address" | "port" | "health">,
) => Standing;

const WELL: Standing = { state: "healthy", isAble: true, slow_start: 1 };
const UNTOLD: Standing = { state: "unknown", isAble: true, slow_start: 1 };

/** For where nothing is known of anybody: all take connections. */
export const NOTHING_TOLD: Standings = (service, backend) =>
  healthOf(service, backend) ? UNTOLD : WELL;

/**
 * What follows from the results so far. Who is not checked counts as healthy. Who has no result yet takes
 * connections; so do those that have never been healthy in a service whose failures are not believed, and
 * of which nobody else could. Pure.
 *
 * @param now_ms milliseconds since 1970
 */
export function standingsOf(
  rows: readonly HealthRow[],
  panics: readonly Panic[],
  now_ms: number,
): Standings {
  if (rows.length === 0) return NOTHING_TOLD;
  const byName = new Map(rows.map((row) => [fullName(row.service, row.backend), row]));
  const served = new Set(
    rows.filter(({ state }) => state === "healthy").map(({ service }) => service),
  );
  const inPanic = new Set(panics.map(({ service }) => service));
  return (service, backend) => {
    if (!healthOf(service, backend)) return WELL;
    const row = byName.get(fullName(service.name, backendKey(backend)));
    if (!row) return UNTOLD;
    const isPanic = inPanic.has(service.name);
    const isOpen = isPanic && !served.has(service.name);
    const isAble = row.state === "healthy" || row.state === "unknown" && isOpen;
    const grown = row.state === "healthy" ? row.risen_at_ms : null;
    const slow_start = slowStart(grown, service.balance.slow_start_ms, now_ms);
    const state = isPanic && row.reason !== "" ? "unhealthy" : row.state;
    return { state, isAble, slow_start, row };
  };
}
