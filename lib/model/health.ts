import type { Health } from "./service.ts";

/** What checks say of a backend. */
export type HealthState = "unknown" | "healthy" | "unhealthy";

/** What is known of a backend's health by its checks so far. */
export interface HealthRecord {
  readonly state: HealthState;
  /** When it came to this state. Milliseconds since 1970. */
  readonly since_ms: number;
  /** Results in a row that speak against the state: failures, or successes where it is unhealthy. */
  readonly streak: number;
  /** How often it fell soon after it had risen. */
  readonly flaps: number;
  /** When it last rose from unhealthy; null where it never did. Milliseconds since 1970. */
  readonly risen_at_ms: number | null;
  /** When it was checked last. Milliseconds since 1970. */
  readonly checked_at_ms: number;
  /** Why the last check failed; "" where it did not. */
  readonly reason: string;
  /** How long the last check took. */
  readonly check_ms: number;
}

/** The record of one backend of a service, by its `backendKey`. */
export interface HealthRow extends HealthRecord {
  readonly service: string;
  readonly backend: string;
}

/** A service more of whose backends failed within one pass than is believed. */
export interface Panic {
  readonly service: string;
  /** Milliseconds since 1970. */
  readonly since_ms: number;
}

/** Something about backends that has changed, for people: their health, or what is wanted of them. */
export interface HealthChange {
  /** The kind of event it is. */
  readonly kind: "health" | "panic" | "drain";
  readonly service: string;
  /** The backend's `backendKey`; undefined where it is about the whole service. */
  readonly backend?: string;
  /** One line. */
  readonly message: string;
}

/** What a written health check has where nothing else is said: the figures of config.md's sample. */
export const HEALTH_DEFAULTS: Health = {
  type: "tcp",
  path: "/",
  status: [{ first: 200, last: 200 }, { first: 300, last: 399 }],
  verify: true,
  passive: false,
  panic: 50,
  interval_ms: 5_000,
  timeout_ms: 2_000,
  rise: 2,
  fall: 3,
};
