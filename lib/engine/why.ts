import { type Address, contains } from "../model/address.ts";
import { portRanges, type Protocol } from "../model/service.ts";
import type { PlacedService } from "../model/state.ts";

/** A client that asks for a port of a VIP. */
export interface Ask {
  readonly protocol: Protocol;
  readonly client: Address;
  /** Undefined: any. */
  readonly client_port?: number;
  readonly vip: Address;
  readonly vip_port: number;
}

/** What a packet passes on its way, in this order. */
export type StepName =
  | "connection"
  | "vip"
  | "access"
  | "limit"
  | "persistence"
  | "worker"
  | "slot"
  | "backend"
  | "engine";

/** What was looked at, and what came of it. */
export interface Step {
  readonly step: StepName;
  readonly message: string;
}

/**
 * What becomes of a new connection: it goes to one backend; to one of several, and nothing tells to which; it is
 * refused, or dropped; no service is for it.
 */
export type Fate = "backend" | "shared" | "refused" | "dropped" | "unserved";

/** What part of new connections a backend gets, from 0 to 1. */
export interface Share {
  readonly id: number;
  readonly share: number;
}

/** The way of a new connection through what the kernel holds. */
export interface Way {
  readonly fate: Fate;
  readonly service?: PlacedService;
  readonly steps: readonly Step[];
  /** Its id, where it is one. */
  readonly backend?: number;
  /** Of those that it may be, the most likely first. */
  readonly shares?: readonly Share[];
  /** Why it cannot be told which one, or why there is none. */
  readonly reason?: string;
  /** What makes all this uncertain, a sentence for each. */
  readonly doubts: readonly string[];
}

/** What is known of the worker that chooses for a queued service. */
export interface WorkerWord {
  /** What it does. */
  readonly message: string;
  /** Why its choice cannot be told. */
  readonly reason?: string;
  /** Why the answer may be another one. */
  readonly doubt?: string;
  /** It looks at limits, and goes on to a backend that has room. @default false: limits are the kernel's */
  readonly goesOn?: boolean;
}

/** What an engine cannot see by itself. */
export interface Surroundings {
  /** Objects that were changed behind lb's back, as drift names them. */
  readonly drift: readonly string[];
  /** Of a queued service. */
  readonly worker: (service: PlacedService) => WorkerWord;
}

/** Whether a service's VIPs and ports are what a client asks for. */
export function isFor(
  { protocol, vip, ...service }: PlacedService,
  ask: Pick<Ask, "protocol" | "vip" | "vip_port">,
): boolean {
  return protocol === ask.protocol && vip.some((one) => contains(one, ask.vip)) &&
    portRanges(service).some(({ first, last }) => first <= ask.vip_port && ask.vip_port <= last);
}

/** Shares by what leads to each backend, the largest first. */
export function sharesOf(ids: Iterable<number>, weight: (id: number) => number = () => 1): Share[] {
  const sums = new Map<number, number>();
  for (const id of ids) sums.set(id, (sums.get(id) ?? 0) + weight(id));
  const total = [...sums.values()].reduce((sum, one) => sum + one, 0);
  return Array.from(sums, ([id, sum]) => ({ id, share: total > 0 ? sum / total : 0 }))
    .filter(({ share }) => share > 0)
    .sort((a, b) => b.share - a.share || a.id - b.id);
}
