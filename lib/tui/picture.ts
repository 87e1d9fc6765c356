import type { Address } from "../model/address.ts";
import type { Sample } from "../model/sample.ts";
import type { Status } from "../reconcile/status.ts";

/** Something that happened, as it is on record. */
export interface Happening {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at_ms: number;
  readonly kind: string;
  readonly message: string;
}

/** A queue of the worker's, as the kernel counts it. */
export interface QueueFill {
  readonly waiting: number;
  readonly dropped: number;
}

/** What lb is doing. */
export interface Activity {
  /** The run that holds the lock; undefined where none does. */
  readonly holder?: { readonly pid: number; readonly command: string };
}

/** What one look at the machine has shown. */
export interface Picture {
  /** Milliseconds since 1970. */
  readonly at_ms: number;
  readonly status: Status;
  /** Newest first. */
  readonly happenings: readonly Happening[];
  readonly queues: readonly QueueFill[];
  readonly activity: Activity;
}

/** What was counted of a service at one moment, as far as curves show it. */
export type Counted = Omit<Sample, "active_connections">;

/** What an operator wants of a backend. */
export type Wish =
  | { readonly kind: "drain" | "ready" | "maintenance" }
  | { readonly kind: "weight"; readonly weight: number };

/** A change that is to be planned, shown, and brought about. */
export interface Order {
  readonly service: string;
  readonly address: Address;
  readonly port?: number;
  readonly wish: Wish;
}

/** What is asked of `lb why`. */
export interface Question {
  /** The client, or the whole flow, as it was typed. */
  readonly flow: string;
  /** What was chosen on the screen when it was asked. */
  readonly service?: string;
}
