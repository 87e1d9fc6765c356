import { isSingle, type Prefix } from "../../model/address.ts";
import { addAddress, deleteAddress } from "../../netlink/route/address.ts";
import { addLocalRoute, deleteLocalRoute } from "../../netlink/route/local.ts";
import type { Kernel, SocketsPort } from "../../sys/ports.ts";
import {
  isRefusal,
  type JournalPort,
  nothingDone,
  type StepsResult,
  type StepsResultDraft,
} from "../resource.ts";
import { announce, type Arrival } from "./announce.ts";
import { type AddressStep, ANNOUNCED, PLACED } from "./plan.ts";

/** An address that came, and its journal entries. */
interface Arrived extends Arrival {
  readonly entry_ids: readonly number[];
}

/**
 * Carries the steps out in order, each journalled before the kernel is told, and announces what came,
 * whatever becomes of later steps. A run that is cut off leaves its addresses "placed" in the journal, and
 * the next one announces them. What the kernel refuses is blocked, and holds up no other address.
 *
 * @throws {KernelError} where the kernel does not answer
 */
export async function applyAddresses(
  kernel: Kernel,
  steps: readonly AddressStep[],
  journal: JournalPort,
): Promise<StepsResult> {
  const result = nothingDone();
  const arrivals: Arrived[] = [];
  try {
    for (const step of steps) {
      arrivals.push(...orBlocked(step, result, () => carryOut(kernel, step, journal, result)));
    }
  } finally {
    result.notes.push(...await announce(kernel, arrivals));
    journal.amend(arrivals.flatMap(({ entry_ids }) => entry_ids), ANNOUNCED);
  }
  return result;
}

function orBlocked(step: AddressStep, result: StepsResultDraft, work: () => Arrived[]): Arrived[] {
  try {
    return work();
  } catch (error) {
    if (!isRefusal(error)) throw error;
    const { key: object, op: value } = step;
    result.blocked.push({ object, value, message: error.message });
    return [];
  }
}

function carryOut(
  kernel: Kernel,
  step: AddressStep,
  journal: JournalPort,
  result: StepsResultDraft,
): Arrived[] {
  if (step.op === "announce") return arrival(step);
  if (step.op === "add") return add(kernel, step, journal, result);
  remove(kernel, step, journal, result);
  return [];
}

function arrival({ link, address, entry_id }: AddressStep): Arrived[] {
  if (!link || !address) return [];
  return [{ link, address, entry_ids: entry_id === undefined ? [] : [entry_id] }];
}

function add(
  kernel: Kernel,
  step: AddressStep,
  journal: JournalPort,
  result: StepsResultDraft,
): Arrived[] {
  const { link, address, records, key, change, entry_id } = step;
  if (!link || !address) return [];
  const entries = records.length === 0 ? [] : journal.record(records);
  if (entry_id !== undefined) journal.amend([entry_id], PLACED);
  const giveUp = () => entries.forEach(({ id }) => journal.undone(id));
  try {
    if (put(kernel.sockets, link.index, address) === "added") {
      if (change) result.done.push(change);
      // Of what is routed here nobody on a link has to hear.
      if (!isSingle(address)) return [];
      const ids = entries.map(({ id }) => id);
      return [{ link, address, entry_ids: entry_id === undefined ? ids : [entry_id, ...ids] }];
    }
  } catch (error) {
    if (isRefusal(error)) giveUp();
    throw error;
  }
  // Somebody was faster: it is theirs.
  giveUp();
  result.notes.push(`${key} has just been added by somebody else, and is left to them`);
  return [];
}

function put(sockets: SocketsPort, ifindex: number, address: Prefix): "added" | "exists" {
  if (isSingle(address)) return addAddress(sockets, ifindex, address);
  return addLocalRoute(sockets, ifindex, address);
}

function take(sockets: SocketsPort, ifindex: number, address: Prefix): "deleted" | "absent" {
  if (isSingle(address)) return deleteAddress(sockets, ifindex, address);
  return deleteLocalRoute(sockets, ifindex, address);
}

function remove(
  kernel: Kernel,
  { op, link, address, entry_id, change, note }: AddressStep,
  journal: JournalPort,
  result: StepsResultDraft,
): void {
  if (op === "remove" && link && address) {
    const deletion = take(kernel.sockets, link.index, address);
    if (deletion === "deleted" && change) result.done.push(change);
  }
  if (note) result.notes.push(note);
  if (entry_id !== undefined) journal.undone(entry_id);
}
