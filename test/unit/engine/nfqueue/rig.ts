/** Test equipment: tables as the reconciler hands them over, packets for them, and loads that a test can change. */
import { type Address, parseAddress } from "../../../../lib/model/address.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../../../lib/model/mark.ts";
import { newRecent, RecentChoices } from "../../../../lib/engine/nfqueue/recent.ts";
import type { Loads } from "../../../../lib/engine/nfqueue/shared_loads.ts";
import type { QueueService, QueueTable } from "../../../../lib/engine/nfqueue/table.ts";
import { concat } from "../../../../lib/model/bytes.ts";
import { serviceOf, type ServiceSpec } from "../../../fake/services.ts";
import { ipPacket, sctp, tcp, udp } from "../../packet/packets.ts";

export const LAYOUT = markLayout(DEFAULT_MARK_MASK)!;

export interface QueueSpec extends ServiceSpec {
  readonly bound?: number;
}

export function queueServiceOf({ bound = 0, ...spec }: QueueSpec): QueueService {
  return { ...serviceOf(spec), bound };
}

export function tableOf(...services: readonly QueueSpec[]): QueueTable {
  return {
    token: "one",
    marks: LAYOUT,
    queues: { first: 0, count: 1 },
    services: services.map(queueServiceOf),
  };
}

/** Backends of weight 100 with ids from 1, of IPv4. */
export function backends(count: number, weights: readonly number[] = []) {
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    address: `198.51.100.${index + 1}`,
    weight: weights[index] ?? 100,
  }));
}

export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new TypeError(`${text} is not an address`);
  return address;
}

/** A first packet, as a queue hands it over: somewhere in a buffer, among other bytes. */
export interface Queued {
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
}

const BEFORE = 40;

export function queued(bytes: Uint8Array): Queued {
  const buffer = concat(new Uint8Array(BEFORE).fill(0xa5), bytes, new Uint8Array(8).fill(0xa5));
  return { view: new DataView(buffer.buffer), start: BEFORE, end: BEFORE + bytes.length };
}

export interface FirstPacket {
  readonly from?: string;
  readonly sport?: number;
  readonly to?: string;
  readonly dport?: number;
  readonly protocol?: "tcp" | "udp" | "sctp";
}

const SYN = 2;

export function firstPacket(
  { from = "192.0.2.1", sport = 40_000, to = "203.0.113.10", dport = 80, protocol = "tcp" }:
    FirstPacket = {},
): Queued {
  const [number, payload] = protocol === "tcp"
    ? [6, tcp(sport, dport, SYN)] as const
    : protocol === "udp"
    ? [17, udp(sport, dport)] as const
    : [132, sctp(sport, dport)] as const;
  const [source, destination] = [addressOf(from), addressOf(to)];
  return queued(ipPacket({ source, destination, protocol: number, payload }));
}

/** Counts that a test sets, and that choices add to. */
export class TestLoads implements Loads {
  readonly seed = 1;
  isKept = true;
  readonly recent = new RecentChoices(newRecent(64));
  readonly counts: Record<number, number>;
  readonly taken: { readonly id: number; readonly flow: number }[] = [];

  constructor(counts: Record<number, number> = {}) {
    this.counts = { ...counts };
  }

  activeOf(id: number): number {
    return this.counts[id] ?? 0;
  }

  take(id: number, active: number, flow: number): boolean {
    if (this.activeOf(id) !== active) return false;
    this.counts[id] = active + 1;
    this.taken.push({ id, flow });
    return true;
  }
}
