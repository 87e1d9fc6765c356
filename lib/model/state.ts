import type { MarkLayout } from "./mark.ts";
import type { Backend, Service } from "./service.ts";

/** A backend as an engine sees it: with the id it keeps for life and the weight it has now. */
export interface PlacedBackend extends Backend {
  /** From 1; stable across applies, unique over all services. May be too large for the mark. */
  readonly id: number;
  /** Configured weight after health, intent and load. */
  readonly effective_weight: number;
}

/** A service as an engine sees it. */
export interface PlacedService extends Omit<Service, "backends"> {
  readonly backends: readonly PlacedBackend[];
}

/** What one engine is to bring about. */
export interface DesiredState {
  readonly services: readonly PlacedService[];
  readonly marks: MarkLayout;
}
