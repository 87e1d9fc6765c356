/** What supervisor, worker and threads say to each other. */
import type { SharedLoads } from "../engine/nfqueue/shared_loads.ts";
import type { QueueTable } from "../engine/nfqueue/table.ts";
import type { MarkLayout } from "../model/mark.ts";

/** A queue that is bound to an open socket. */
export interface BoundQueue {
  readonly queue: number;
  readonly fd: number;
}

/** How a worker is started: the argument of `--worker`. */
export interface WorkerOrder {
  readonly queues: readonly BoundQueue[];
  /** How many supervisors in a row have died soon; one before lb counted them does not tell. */
  readonly revivals?: number;
}

/** What a supervisor says to its worker, one to a line. The end of it without `stop` means that it died. */
export type SupervisorLine =
  /** Read the table anew, for the so-manieth time. */
  | { readonly op: "reload"; readonly turn: number }
  | { readonly op: "stop" };

/** What is counted, since it was told last. */
export interface Counts {
  readonly seen: number;
  readonly left_to_kernel: number;
  /** Backend ids, and how often each was chosen. */
  readonly chosen: readonly (readonly [id: number, count: number])[];
  readonly events_lost: number;
}

/** What a worker says to its supervisor, one to a line. */
export type WorkerLine =
  /** Every thread chooses by this table, which was read when that turn was told of, or later. */
  | { readonly event: "table"; readonly token: string; readonly turn?: number }
  /** A table that it does not choose by. */
  | { readonly event: "refused"; readonly message: string }
  /** Connections are not counted, and choices that would look at counts go by turn: for this reason. */
  | { readonly event: "uncounted"; readonly message: string }
  /** All is well: said while every thread is. */
  | { readonly event: "beat"; readonly tally: Counts };

/** What a thread is told first. */
export type ThreadOrder =
  | {
    readonly kind: "queue";
    readonly index: number;
    readonly bound: BoundQueue;
    readonly control: SharedArrayBuffer;
    readonly loads: SharedLoads;
    readonly table: QueueTable;
  }
  | {
    readonly kind: "events";
    readonly control: SharedArrayBuffer;
    readonly loads: SharedLoads;
    readonly marks: MarkLayout;
  };

/** What a thread says: that it moves, and what it counted. */
export interface ThreadReport {
  /** The table that it chooses by; of the events' thread, anything as soon as there are counts. */
  readonly token: string;
  readonly tally: Counts;
}

/** What it says on ending. */
export interface ThreadEnd {
  readonly ended: true;
}

/**
 * Packets that may wait. Few: what waits for a worker that hangs is late. Enough for what comes while a table is
 * taken over; beyond, packets pass by, and the kernel chooses.
 */
export const WAITING_MAX = 256;

/** Who has come so far has not been started to fail at once, ms. */
export const CALM_MS = 60_000;

/** How often a worker says that all is well, ms. */
export const BEAT_EVERY_MS = 250;

/** How often a thread that has nothing to do looks up, ms. */
export const PATIENCE_MS = 100;

export const NOTHING_COUNTED: Counts = {
  seen: 0,
  left_to_kernel: 0,
  chosen: [],
  events_lost: 0,
};

/** A line of the other side's. @returns undefined of one that its death has cut short */
export function parseLine<Line>(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line;
  } catch {
    return undefined;
  }
}
