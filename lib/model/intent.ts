/** What the operator wants of a backend. */
export const INTENTS = ["ready", "drain", "maintenance"] as const;
export type Intent = typeof INTENTS[number];

/** How a drain came to its end: the last connection ended by itself, or the rest was cut. */
export type DrainEnd = "drained" | "cut";

/** What is on record of an intent. Who has none is ready, and was so all the time. */
export interface IntentRecord {
  /** `ready` is kept for as long as the backend grows back to its weight. */
  readonly intent: Intent;
  /** When it was asked for. Milliseconds since 1970. */
  readonly since_ms: number;
  /** When the rest is cut; null where nothing is. Milliseconds since 1970. */
  readonly deadline_ms: number | null;
  /** The backend leaves the config when its drain is over. */
  readonly removes: boolean;
  /** null while connections go on, and of other intents than drains. */
  readonly ended: DrainEnd | null;
}

/** The record of one backend of a service, by its `backendKey`. */
export interface IntentRow extends IntentRecord {
  readonly service: string;
  readonly backend: string;
}

/** How long a drain lasts where nothing is said: config.md's default. */
export const DRAIN_DEADLINE_MS = 60_000;
