import type { Prefix } from "./address.ts";
import type { Intent } from "./intent.ts";
import type { MarkLayout } from "./mark.ts";
import type { QueueRange } from "./queue.ts";
import type { Backend, Service } from "./service.ts";

/** The interface that leads straight to a backend, without a router between. */
export interface BackendLink {
  readonly ifindex: number;
  readonly interface: string;
  /** Its link address is known there. */
  readonly answers: boolean;
}

/** An interface where packets come in. One of the same name that came later is another one. */
export interface Entrance {
  readonly name: string;
  readonly ifindex: number;
}

/** Where packets for services with `forward = "dr"` come in. */
export interface Ingress {
  /** Sorted by name. */
  readonly interfaces: readonly Entrance[];
  /**
   * VIPs of such services alone that no interface here has: what nobody serves there is refused, or it
   * would go back to the router that sent it, and come again.
   */
  readonly routed: readonly Prefix[];
}

/** Conntrack and the packets of services that do without it. */
export interface Tracking {
  /** What has conntrack see them, in words; undefined where nothing does. */
  readonly watched?: string;
  /** Addresses of backends whose answers conntrack has to see for the sake of other engines' services. */
  readonly shared: readonly string[];
  /** Connections that another engine has translated are the reason for some of it: it ends with them. */
  readonly awaits: boolean;
}

/** A backend as an engine sees it: with the id it keeps for life and the weight it has now. */
export interface PlacedBackend extends Backend {
  /** From 1; stable across applies, unique over all services. May be too large for the mark. */
  readonly id: number;
  /** Configured weight after health, intent and load. */
  readonly effective_weight: number;
  /** How far it has grown since it recovered, where that is not all the way. @default 1 */
  readonly slow_start?: number;
  /** What the operator wants of it. @default "ready" */
  readonly intent?: Exclude<Intent, "ready">;
  /** Its drain is over: nothing of it has to stay for connections' sake. @default false */
  readonly isOut?: boolean;
  /** With `forward = "dr"`, where it is. Without, or if it does not answer there, it has no weight. */
  readonly link?: BackendLink;
}

/** A service as an engine sees it. */
export interface PlacedService extends Omit<Service, "backends"> {
  readonly backends: readonly PlacedBackend[];
  /** The worker chooses for its new connections; the engine does where the worker does not. @default false */
  readonly queued?: boolean;
}

/** What one engine is to bring about. */
export interface DesiredState {
  readonly services: readonly PlacedService[];
  readonly marks: MarkLayout;
  /** Capabilities this kernel has not, among those that change how an engine works (`Engine.variants`). */
  readonly lacks: readonly string[];
  readonly ingress: Ingress;
  /** Its last service is gone, and connections that it translated are not. @default false */
  readonly lingers?: boolean;
  /** Load balancers behind the same router. @default 1 */
  readonly nodes?: number;
  /** Undefined where conntrack sees everything anyway. */
  readonly tracking?: Tracking;
  /** Where new connections of queued services wait for a choice. Undefined where there is none. */
  readonly queues?: QueueRange;
}

/** What an object was written as, and what the kernel then told of it. */
export interface Recorded {
  /** Fingerprint of our source. */
  readonly source: string;
  /** Fingerprint of the kernel's own words: it does not print rules the way they were written. */
  readonly listing: string;
}
