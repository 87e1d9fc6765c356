import type { MarkLayout } from "../../model/mark.ts";
import type { QueueRange } from "../../model/queue.ts";
import type { PlacedBackend, PlacedService } from "../../model/state.ts";

/** What the worker knows of a backend. */
export type QueueBackend = Pick<
  PlacedBackend,
  "id" | "address" | "port" | "weight" | "effective_weight" | "max_connections"
>;

/** A service whose new connections the worker chooses a backend for. */
export interface QueueService
  extends Pick<PlacedService, "name" | "vip" | "protocol" | "ports" | "scheduler"> {
  /** Of `maglev`: no backend over (1 + bound) × the average; 0 is no bound. */
  readonly bound: number;
  readonly backends: readonly QueueBackend[];
}

/**
 * What the worker chooses by: an immutable snapshot, handed over as JSON (`RUN/queue.json`). The kernel has
 * the backends before the worker hears of them, and does without those it does not know any more.
 */
export interface QueueTable {
  /** Another one for every other content. */
  readonly token: string;
  readonly marks: MarkLayout;
  readonly queues: QueueRange;
  readonly services: readonly QueueService[];
}
