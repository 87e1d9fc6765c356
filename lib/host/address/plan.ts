import type { Address } from "../../model/address.ts";
import type { Change } from "../../model/change.ts";
import type { JournalEntry, JournalRecord } from "../../model/journal.ts";
import { hasAddress, type Interface } from "../interface.ts";
import type { HostPlan, Step } from "../resource.ts";
import {
  parsePlacementKey,
  type Placement,
  placementKey,
  placements,
  type VipService,
} from "./placement.ts";

/** What the journal says an address is once it is placed. */
const PLACED = "placed";

/** One address to put on an interface or take off it, or the end of a journal entry. */
export interface AddressStep extends Step {
  /** `forget`: nothing of ours is there any more. */
  readonly op: "add" | "remove" | "forget";
  /** Interface and address, as the journal names them. */
  readonly key: string;
  /** undefined where the interface is gone. */
  readonly link?: Interface;
  readonly address?: Address;
  readonly records: readonly JournalRecord[];
  /** The entry that ends with this step. */
  readonly entry_id?: number;
  /** Said to the operator once the step is done. */
  readonly note?: string;
}

/**
 * Which VIPs to place, and which of those that lb placed to take away. Addresses that are not in the
 * journal are never touched. Pure.
 *
 * @param open open journal entries for addresses
 * @throws {LbError} `unsupported` where `vip_on` names an interface that does not exist
 */
export function planAddresses(
  services: readonly VipService[],
  interfaces: readonly Interface[],
  open: readonly JournalEntry[],
): HostPlan<AddressStep> {
  const entries = new Map(open.map((entry) => [entry.key, entry]));
  const wanted = placements(services, interfaces);
  const keys = new Set(wanted.map(({ link, vip }) => placementKey(link.name, vip)));
  return {
    set: wanted.filter((placement) => !isThere(placement, interfaces, entries))
      .map((placement) => addStep(placement, entries)),
    restore: open.filter(({ key }) => !keys.has(key)).toReversed()
      .map((entry) => removeStep(entry, interfaces)),
    blocked: [],
  };
}

type Entries = ReadonlyMap<string, JournalEntry>;

function isThere(
  { link, vip, auto }: Placement,
  interfaces: readonly Interface[],
  entries: Entries,
): boolean {
  if (hasAddress(link, vip)) return true;
  // Where the operator has put it on another interface, packets get here already.
  return auto &&
    interfaces.some((other) =>
      hasAddress(other, vip) && !entries.has(placementKey(other.name, vip))
    );
}

function addStep({ link, vip, service }: Placement, entries: Entries): AddressStep {
  const key = placementKey(link.name, vip);
  const known = entries.has(key);
  const why = `VIP of service ${service}`;
  const record = { resource: "address", key, before: null, after: PLACED, why } as const;
  return {
    op: "add",
    key,
    link,
    address: { family: vip.family, text: vip.text },
    records: known ? [] : [record],
    drift: known,
    change: addressChange("add", key, why),
  };
}

function removeStep({ id: entry_id, key }: JournalEntry, interfaces: readonly Interface[]) {
  const { interfaceName, vip } = parsePlacementKey(key) ?? {};
  const link = interfaces.find(({ name }) => name === interfaceName);
  const step = { key, link, records: [], entry_id, drift: false };
  const found = link?.addresses.filter(({ text }) => text === vip?.text) ?? [];
  const ours = found.find(({ length }) => length === vip?.length);
  if (!ours) return { ...step, op: "forget" as const, note: absence(key, link, found.length > 0) };
  const address = { family: ours.family, text: ours.text };
  const change = addressChange("remove", key, "no service needs it any more");
  return { ...step, op: "remove" as const, address, change };
}

function absence(key: string, link: Interface | undefined, isReplaced: boolean): string {
  if (!link) return `${key} went with its interface`;
  if (isReplaced) return `${key} is left alone: somebody put it there with another subnet`;
  return `${key} is not there any more: somebody removed it`;
}

function addressChange(op: Change["op"], object: string, detail: string): Change {
  return { engine: "address", op, object, detail };
}
