import { addAddress, deleteAddress } from "../../netlink/route/address.ts";
import type { Kernel } from "../../sys/ports.ts";
import {
  emptyOutcome,
  isRefusal,
  type JournalPort,
  type Outcome,
  type OutcomeDraft,
} from "../resource.ts";
import { announce, type Arrival } from "./announce.ts";
import type { AddressStep } from "./plan.ts";

/**
 * Carries the steps out in order, each journalled before the kernel is told, and announces what came.
 *
 * @throws {KernelError}
 */
export async function applyAddresses(
  kernel: Kernel,
  steps: readonly AddressStep[],
  journal: JournalPort,
): Promise<Outcome> {
  const outcome = emptyOutcome();
  const arrivals: Arrival[] = [];
  for (const step of steps) {
    if (step.op === "add") arrivals.push(...add(kernel, step, journal, outcome));
    else remove(kernel, step, journal, outcome);
  }
  outcome.notes.push(...await announce(kernel, arrivals));
  return outcome;
}

function add(
  kernel: Kernel,
  { link, address, records, key, change }: AddressStep,
  journal: JournalPort,
  outcome: OutcomeDraft,
): Arrival[] {
  if (!link || !address) return [];
  const entries = records.length === 0 ? [] : journal.record(records);
  const giveUp = () => entries.forEach(({ id }) => journal.undone(id));
  try {
    if (addAddress(kernel.sockets, link.index, address) === "added") {
      if (change) outcome.done.push(change);
      return [{ link, address }];
    }
  } catch (error) {
    if (isRefusal(error)) giveUp();
    throw error;
  }
  // Somebody was faster: it is theirs.
  giveUp();
  outcome.notes.push(`${key} has just been added by somebody else, and is left to them`);
  return [];
}

function remove(
  kernel: Kernel,
  { op, link, address, entry_id, change, note }: AddressStep,
  journal: JournalPort,
  outcome: OutcomeDraft,
): void {
  if (op === "remove" && link && address) {
    const result = deleteAddress(kernel.sockets, link.index, address);
    if (result === "deleted" && change) outcome.done.push(change);
  }
  if (note) outcome.notes.push(note);
  if (entry_id !== undefined) journal.undone(entry_id);
}
