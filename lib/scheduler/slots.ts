import { type Address, addressBytes, type Family } from "../model/address.ts";
import { concat } from "../model/bytes.ts";
import { backendKey, type Scheduler } from "../model/service.ts";
import type { PlacedBackend, PlacedService } from "../model/state.ts";
import { interleave } from "./interleave.ts";
import { jhash, reciprocalScale } from "./jhash.ts";
import { maglevSize, maglevTable, turnsSize } from "./maglev.ts";

/** Fields of a packet that a hash scheduler looks at, in this order. */
export type HashField = "saddr" | "sport";

/** How a new connection picks a slot. */
export type SlotIndex =
  | { readonly kind: "inc" | "random" }
  | { readonly kind: "hash"; readonly fields: readonly HashField[]; readonly seed: number };

/** A scheduler as data: index → slot → backend id. The modulus of the index is `slots.length`. */
export interface SlotTable {
  readonly index: SlotIndex;
  readonly slots: readonly number[];
}

/** Schedulers that a fixed slot table can carry. */
export const SLOT_SCHEDULERS = [
  "rr",
  "wrr",
  "random",
  "sh",
  "maglev",
  "lc",
  "wlc",
  "lr",
  "cpu",
] as const;
export type SlotScheduler = typeof SLOT_SCHEDULERS[number];

/** Whether a slot table can carry this scheduler. */
export function isSlotScheduler(scheduler: Scheduler): scheduler is SlotScheduler {
  return (SLOT_SCHEDULERS as readonly string[]).includes(scheduler);
}

const HASH_SCHEDULERS: readonly Scheduler[] = ["sh", "maglev"];

/** Whether a scheduler picks the same backend for every packet of a connection, whoever looks it up. */
export function isHashScheduler(scheduler: Scheduler): boolean {
  return HASH_SCHEDULERS.includes(scheduler);
}

/** What a slot table has to know of a backend. */
export type SlotBackend = Pick<
  PlacedBackend,
  "id" | "address" | "port" | "weight" | "effective_weight"
>;

/** The slot table a service has in one family. Also asked by whoever predicts a choice. */
export function slotsOf({ scheduler, name, backends }: PlacedService, family: Family): SlotTable {
  if (!isSlotScheduler(scheduler)) throw new TypeError(`supports() lets no ${scheduler} through`);
  return slotTable(scheduler, name, backends.filter(({ address }) => address.family === family));
}

/**
 * The slot table of a service, for its backends of one family.
 *
 * @param name of the service; seeds the hash, so that two services spread one client differently, and
 * is the same on every load balancer
 */
export function slotTable(
  scheduler: SlotScheduler,
  name: string,
  backends: readonly SlotBackend[],
): SlotTable {
  switch (scheduler) {
    case "rr":
      return { index: { kind: "inc" }, slots: interleave(equalShares(backends)) };
    case "wrr":
      return { index: { kind: "inc" }, slots: interleave(shares(backends)) };
    case "random":
      return { index: { kind: "random" }, slots: interleave(shares(backends)) };
    case "lc":
      return loadTable(
        backends,
        ({ weight, effective_weight }) => effective_weight / (weight || 1),
      );
    case "wlc":
    case "lr":
    case "cpu":
      return loadTable(backends, ({ effective_weight }) => effective_weight);
    case "sh":
      return hashTable(["saddr"], name, backends);
    case "maglev":
      return hashTable(["saddr", "sport"], name, backends);
  }
}

/** The slot the kernel picks for a new connection. Defined for hash schedulers only: others have no memory of who. */
export function hashSlot(table: SlotTable, source: Address, port: number): number | undefined {
  if (table.index.kind !== "hash" || table.slots.length === 0) return undefined;
  const key = hashKey(table.index.fields, source, port);
  return slotOfKey(key, table.index.seed, table.slots.length);
}

/** The same by the bytes of {@linkcode hashKey}, for who has them in a packet. */
export function slotOfKey(key: Uint8Array, seed: number, slots: number): number {
  return reciprocalScale(jhash(key, seed), slots);
}

/** Bytes as nft lays them into registers: network order, each field padded with zeros to four bytes. */
export function hashKey(fields: readonly HashField[], source: Address, port: number): Uint8Array {
  const parts = fields.map((field) =>
    field === "saddr" ? addressBytes(source) : Uint8Array.of(port >> 8, port & 0xff, 0, 0)
  );
  return concat(...parts);
}

/**
 * Weights that follow load are written again and again: in the order of a Maglev table few slots change
 * hands then, where an interleave would be dealt out anew.
 */
function loadTable(
  backends: readonly SlotBackend[],
  weightOf: (backend: SlotBackend) => number,
): SlotTable {
  const weighted = backends.map((backend) => ({
    id: backend.id,
    name: backendKey(backend),
    weight: weightOf(backend),
  }));
  return { index: { kind: "inc" }, slots: maglevTable(weighted, turnsSize(backends.length)) };
}

function hashTable(
  fields: readonly HashField[],
  name: string,
  backends: readonly SlotBackend[],
): SlotTable {
  // nft takes a random seed where none is written, so 0 must not come to look like "none".
  const seed = jhash(new TextEncoder().encode(name), 0) || 1;
  // The size follows the configured backends, not the ones in service: a size change moves every slot.
  const slots = maglevTable(
    backends.map((backend) => ({
      id: backend.id,
      name: backendKey(backend),
      weight: backend.effective_weight,
    })),
    maglevSize(backends.length),
  );
  return { index: { kind: "hash", fields, seed }, slots };
}

function shares(backends: readonly SlotBackend[]) {
  return backends.map(({ id, effective_weight }) => ({ id, weight: effective_weight }));
}

function equalShares(backends: readonly SlotBackend[]) {
  return backends.map(({ id, effective_weight }) => ({
    id,
    weight: Math.min(1, effective_weight),
  }));
}
