import { isSingle, type Prefix } from "../../model/address.ts";
import type { Change } from "../../model/change.ts";
import type { JournalEntry, JournalRecord } from "../../model/journal.ts";
import { holdersOf, type Interface } from "../interface.ts";
import { type NamedEntry, renames } from "../renamed.ts";
import type { HostPlan, Step } from "../resource.ts";
import {
  homeless,
  parsePlacementKey,
  type Placement,
  placementKey,
  placements,
  type VipService,
} from "./placement.ts";

/** What the journal says of an address that is on its interface, and of one that the neighbours know of. */
export const PLACED = "placed";
export const ANNOUNCED = "announced";

/** One address to put on an interface or take off it, or the end of a journal entry. */
export interface AddressStep extends Step {
  /**
   * `announce`: it is there, but the run that put it there did not come to tell the neighbours.
   * `forget`: nothing of ours is there any more.
   */
  readonly op: "add" | "announce" | "remove" | "forget";
  /** Interface and address, as the journal names them. */
  readonly key: string;
  /** undefined where the interface is gone. */
  readonly link?: Interface;
  /** A single one, or a prefix that a route makes local. */
  readonly address?: Prefix;
  readonly records: readonly JournalRecord[];
  /** Its entry: it ends with a step that removes or forgets. */
  readonly entry_id?: number;
  /** Said to the operator once the step is done. */
  readonly note?: string;
}

/**
 * Which VIPs to place, and which of those that lb placed to take away. Addresses that are not in the
 * journal are never touched. Pure.
 *
 * @param open open journal entries for addresses
 */
export function planAddresses(
  services: readonly VipService[],
  interfaces: readonly Interface[],
  open: readonly NamedEntry[],
): HostPlan<AddressStep> {
  const entries = new Map(open.map((entry) => [entry.key, entry]));
  const wanted = placements(services, interfaces);
  const keys = new Set(wanted.map(({ link, vip }) => placementKey(link.name, vip)));
  const holders = holdersOf(interfaces);
  const links = new Map(interfaces.map((link) => [link.name, link]));
  return {
    set: wanted.flatMap((placement) => setStep(placement, holders, entries)),
    restore: open.filter((entry) => !keys.has(entry.key) && !isKept(entry, services)).toReversed()
      .map((entry) => removeStep(entry, links)),
    blocked: homeless(services, interfaces, renames(open)),
  };
}

/** The config still calls the interface by its old name: until somebody changes that, its VIP stays. */
function isKept({ key, renamed_from }: NamedEntry, services: readonly VipService[]): boolean {
  if (renamed_from === undefined) return false;
  const vip = parsePlacementKey(key)?.vip;
  return services.some((service) =>
    service.vip_on === renamed_from && service.vip.some(({ text }) => text === vip?.text)
  );
}

type Entries = ReadonlyMap<string, JournalEntry>;

function setStep(
  placement: Placement,
  holders: ReturnType<typeof holdersOf>,
  entries: Entries,
): AddressStep[] {
  const { link, vip, auto } = placement;
  if (!isSingle(vip)) return isLocal(link, vip) ? [] : [addStep(placement, entries)];
  const here = holders.get(vip.text) ?? new Set();
  if (here.has(link)) return announceStep(placement, entries);
  const isForeign = ({ name }: Interface) => !entries.has(placementKey(name, vip));
  // Where the operator has put it on another interface, packets get here already.
  return auto && [...here].some(isForeign) ? [] : [addStep(placement, entries)];
}

function isLocal({ local_prefixes = [] }: Interface, { text, length }: Prefix): boolean {
  return local_prefixes.some((one) => one.text === text && one.length === length);
}

function announceStep({ link, vip }: Placement, entries: Entries): AddressStep[] {
  const key = placementKey(link.name, vip);
  const entry = entries.get(key);
  if (entry?.after !== PLACED) return [];
  return [{
    op: "announce",
    key,
    link,
    address: vip,
    records: [],
    entry_id: entry.id,
    drift: false,
  }];
}

function addStep({ link, vip, service }: Placement, entries: Entries): AddressStep {
  const key = placementKey(link.name, vip);
  const known = entries.get(key);
  const why = `VIP of service ${service}`;
  const record: JournalRecord = {
    resource: "address",
    key,
    before: null,
    after: PLACED,
    why,
    ifindex: link.index,
  };
  return {
    op: "add",
    key,
    link,
    address: vip,
    records: known ? [] : [record],
    entry_id: known?.id,
    drift: known !== undefined,
    change: addressChange("add", key, why),
  };
}

function removeStep(
  { id: entry_id, key }: JournalEntry,
  links: ReadonlyMap<string, Interface>,
): AddressStep {
  const { interfaceName = "", vip } = parsePlacementKey(key) ?? {};
  const link = links.get(interfaceName);
  const step = { key, link, records: [], entry_id, drift: false };
  if (link && vip && !isSingle(vip)) return leaveStep(step, link, vip);
  const found = link?.addresses.filter(({ text }) => text === vip?.text) ?? [];
  const ours = found.find(({ length }) => length === vip?.length);
  if (!ours) return { ...step, op: "forget" as const, note: absence(key, link, found.length > 0) };
  return leaving(step, ours);
}

/** A prefix goes with its route. */
function leaveStep(step: Omit<AddressStep, "op">, link: Interface, vip: Prefix): AddressStep {
  if (isLocal(link, vip)) return leaving(step, vip);
  return { ...step, op: "forget", note: absence(step.key, link, false) };
}

function leaving(step: Omit<AddressStep, "op">, address: Prefix): AddressStep {
  const change = addressChange("remove", step.key, "no service needs it any more");
  return { ...step, op: "remove", address, change };
}

function absence(key: string, link: Interface | undefined, isReplaced: boolean): string {
  if (!link) return `${key} went with its interface`;
  if (isReplaced) return `${key} is left alone: somebody put it there with another subnet`;
  return `${key} is not there any more: somebody removed it`;
}

function addressChange(op: Change["op"], object: string, detail: string): Change {
  return { engine: "address", op, object, detail };
}
