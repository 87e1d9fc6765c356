import type { Scheduler } from "./service.ts";

/** What a load costs a backend for its weight, as far as anybody can tell. */
export interface LoadReading {
  /** Natural logarithm of the cost: twice the cost is 0.69 more, whatever the unit. */
  readonly cost: number;
  /** How far a single look is off by chance alone, in the same measure; 0 where chance has no part in it. */
  readonly noise: number;
}

/** What a backend says of its own load. */
export interface LoadFigure {
  /** `load`: how busy it is, any number from 0. `share`: the part of its weight that it wants, from 0. */
  readonly kind: "load" | "share";
  readonly value: number;
}

/** What is on record of a backend's load; the reading is smoothed over the looks so far. */
export interface LoadRow extends LoadReading {
  readonly service: string;
  /** Its `backendKey`. */
  readonly backend: string;
  /** Whose measure it is: that of another scheduler says nothing. */
  readonly scheduler: Scheduler;
  /** When it was looked at last. Milliseconds since 1970. */
  readonly checked_at_ms: number;
  /** When it could be read last; null where it never could. Milliseconds since 1970. */
  readonly read_at_ms: number | null;
  /** Why it could not be read at the last look; "" where it could. */
  readonly reason: string;
}
