import { formatEndpoint } from "../model/address.ts";
import type { Address } from "../model/address.ts";
import { plural } from "../model/plural.ts";

/** How far the drain of one backend is. */
export interface DrainProgress {
  readonly address: Address;
  readonly port?: number;
  /** null where they cannot be counted. */
  readonly connections_left: number | null;
  /** Seconds; null where nothing will be cut. */
  readonly seconds_left: number | null;
}

const BAR_CELLS = 24;

/** Columns that the bar's line has at most: one that wraps cannot be drawn over. */
const COLUMNS_MAX = 79;

/**
 * One line that tells how far drains are: `[████░░░░] 17 of 100 connections left, 42 s`. Pure.
 *
 * @param most connections there were, when they were most
 */
export function drainBar(drains: readonly DrainProgress[], most: number): string {
  const { connections, seconds } = totals(drains);
  const done = most === 0 ? 1 : 1 - connections / most;
  const cells = Math.round(Math.min(1, Math.max(0, done)) * BAR_CELLS);
  const bar = "█".repeat(cells) + "░".repeat(BAR_CELLS - cells);
  const left = `${connections} of ${plural(Math.max(most, connections), "connection")} left`;
  return `[${bar}] ${left}${seconds === null ? "" : `, ${seconds} s`}`.slice(0, COLUMNS_MAX);
}

/** The same for a file: a line for each backend. Pure. */
export function drainLines(service: string, drains: readonly DrainProgress[]): string[] {
  return drains.map(({ address, port, connections_left, seconds_left }) => {
    const connections = connections_left === null
      ? ""
      : ` ${plural(connections_left, "connection")} left`;
    const seconds = seconds_left === null ? "" : `, ${seconds_left} s`;
    return `${service} ${formatEndpoint(address, port)}:${connections}${seconds}`;
  });
}

/** All of them together. Pure. */
export function totals(
  drains: readonly DrainProgress[],
): { readonly connections: number; readonly seconds: number | null } {
  const times = drains.flatMap(({ seconds_left }) => seconds_left ?? []);
  return {
    connections: drains.reduce((sum, { connections_left }) => sum + (connections_left ?? 0), 0),
    seconds: times.length > 0 ? Math.max(...times) : null,
  };
}
