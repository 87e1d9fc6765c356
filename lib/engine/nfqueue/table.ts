import { fingerprint } from "../../model/fingerprint.ts";
import type { MarkLayout } from "../../model/mark.ts";
import type { QueueRange } from "../../model/queue.ts";
import type { DesiredState, PlacedBackend, PlacedService } from "../../model/state.ts";

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

/**
 * The table of a state's queued services; undefined where there is none. Backends whose ids the mark cannot tell
 * apart are left to the kernel. Pure.
 */
export function queueTable(
  { services, marks, queues }: Pick<DesiredState, "services" | "marks" | "queues">,
): QueueTable | undefined {
  const queued = services.filter((service) => service.queued).map(queueService);
  if (queued.length === 0 || !queues) return undefined;
  const content = { marks, queues, services: queued };
  return { token: fingerprint(JSON.stringify(content)), ...content };
}

function queueService(service: PlacedService): QueueService {
  const { name, vip, protocol, ports, scheduler, balance, backends } = service;
  return {
    ...{ name, vip, protocol, ports, scheduler },
    bound: balance.bound,
    backends: backends.map(({ id, address, port, weight, effective_weight, max_connections }) => ({
      ...{ id, address, port, weight, effective_weight, max_connections },
    })),
  };
}
