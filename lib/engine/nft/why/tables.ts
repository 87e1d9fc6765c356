import {
  type Address,
  addressBytes,
  contains,
  FAMILIES,
  type Family,
  networkOf,
  parseAddress,
  parsePrefix,
  type Prefix,
} from "../../../model/address.ts";
import type { DesiredState, PlacedService } from "../../../model/state.ts";
import { slotsOf, type SlotTable } from "../../../scheduler/slots.ts";
import type { Ask } from "../../why.ts";
import { dispatchMaps, dispatchMatch, hasIntervals } from "../dispatch.ts";
import { serviceNames } from "../names.ts";
import { INGRESS_TABLE, layoutsOf, type TableName } from "../table.ts";

/** Elements of a map or set. */
export type Elements = ReadonlyMap<string, string>;

/** Where a packet's VIP, protocol and port lead. */
export interface Match {
  readonly table: TableName;
  /** The element, as nft spells it. */
  readonly key: string;
  readonly map: string;
  readonly service: PlacedService;
}

/** How the maps are read that services have. */
export interface MapReader {
  /** What a key leads to; undefined where it is not there. @param type of the key, as `typeof` has it */
  get(table: TableName, map: string, type: string, key: string): string | undefined;
  /** All of it; nothing where it is not there. */
  all(table: TableName, name: string): Elements;
}

/** What slots are declared by. */
const SLOT = "numgen inc mod 65536";

/** What carries backends' ids between rules. */
const ID = "meta priority";

/** What the kernel holds, looked up the way a packet does it. */
export class Tables {
  readonly state: DesiredState;
  readonly #maps: MapReader;
  readonly #byChain: ReadonlyMap<string, PlacedService>;
  readonly #matches = new Map<string, Match | undefined>();
  readonly #slots = new Map<string, SlotTable>();

  /** @param state that was written */
  constructor(state: DesiredState, maps: MapReader) {
    this.state = state;
    this.#maps = maps;
    const chains = state.services.flatMap((service) =>
      FAMILIES.map((family) => [serviceNames(service, family).chain, service] as const)
    );
    this.#byChain = new Map(chains);
  }

  /** The service a packet is for: exact keys first, and what is sent on at ingress before what is translated. */
  match(ask: Ask): Match | undefined {
    const key = `${ask.vip.text} . ${ask.protocol} . ${ask.vip_port}`;
    if (!this.#matches.has(key)) this.#matches.set(key, this.#find(key, ask));
    return this.#matches.get(key);
  }

  /** Whether a set of prefixes has an address. */
  hasAddress({ table }: Match, set: string, address: Address): boolean {
    return [...this.elements({ table }, set).keys()].some((text) => isWithin(text, address));
  }

  /** The chain of the backend that is remembered for a client; undefined where none is. */
  remembered({ table, service }: Match, client: Address): string | undefined {
    const { sticky } = serviceNames(service, client.family);
    return this.#maps.get(
      table,
      sticky,
      addressField(client.family),
      stickyNetwork(service, client).text,
    );
  }

  /** The id in a slot. */
  idInSlot({ table, service }: Match, family: Family, slot: number): string | undefined {
    return this.#maps.get(table, serviceNames(service, family).idSlots, SLOT, `${slot}`);
  }

  /** Where an id leads; nowhere as a rule where the backend takes no new connections. */
  leadingFrom({ table, service }: Match, family: Family, id: string): string | undefined {
    return this.#maps.get(table, serviceNames(service, family).backends, ID, id);
  }

  elements({ table }: Pick<Match, "table">, name: string): Elements {
    return this.#maps.all(table, name);
  }

  /** The slots as they were written: the kernel shows the map, and of the rule before it only that it is the same. */
  slots(service: PlacedService, family: Family): SlotTable {
    const key = `${service.name} ${family}`;
    const table = this.#slots.get(key) ?? slotsOf(service, family);
    this.#slots.set(key, table);
    return table;
  }

  #find(exactKey: string, ask: Ask): Match | undefined {
    const { family } = ask.vip;
    for (const { table, families } of inPassingOrder(this.state)) {
      if (!families.includes(family)) continue;
      const found = this.#exact(table, exactKey, family) ?? this.#interval(table, ask);
      const service = found && this.#byChain.get(found.verdict.replace(/^goto /, ""));
      // "accept" at ingress leaves it to the next table.
      if (service) return { table, map: found.map, key: found.key, service };
    }
    return undefined;
  }

  #exact(table: TableName, key: string, family: Family) {
    const { exact: map } = dispatchMaps(family);
    const verdict = this.#maps.get(table, map, dispatchMatch(family), key);
    return verdict === undefined ? undefined : { map, key, verdict };
  }

  #interval(table: TableName, ask: Ask) {
    const { intervals: map } = dispatchMaps(ask.vip.family);
    const isRanged = this.state.services.some((service) => hasIntervals(service, ask.vip.family));
    const elements = isRanged ? [...this.#maps.all(table, map)] : [];
    const found = elements.find(([text]) => covers(text, ask));
    return found && { map, key: found[0], verdict: found[1] };
  }
}

function addressField(family: Family): string {
  return family === 4 ? "ip saddr" : "ip6 saddr";
}

function inPassingOrder(state: DesiredState) {
  const layouts = layoutsOf(state);
  const isIngress = ({ table }: { readonly table: TableName }) => table === INGRESS_TABLE;
  return [...layouts.filter(isIngress), ...layouts.filter((one) => !isIngress(one))];
}

/** Whether `203.0.113.0/24 . tcp . 8000-8010` is for a packet. */
function covers(text: string, { vip, protocol, vip_port }: Ask): boolean {
  const [addresses = "", word, ports = ""] = text.split(" . ");
  const [first = "", last = first] = ports.split("-");
  return word === protocol && Number(first) <= vip_port && vip_port <= Number(last) &&
    isWithin(addresses, vip);
}

/** In an address, a prefix, or `FIRST-LAST`. */
function isWithin(text: string, address: Address): boolean {
  const prefix = parsePrefix(text);
  if (prefix) return contains(prefix, address);
  const [first, last] = text.split("-").map(parseAddress);
  if (first?.family !== address.family || last?.family !== address.family) return false;
  const [from, to, at] = [first, last, address].map((one) => addressBytes(one).toHex());
  return from! <= at! && at! <= to!;
}

/** What persistence knows a client by. */
export function stickyNetwork({ persistence }: PlacedService, client: Address): Prefix {
  const { mask, mask6 } = persistence!;
  return networkOf(client, client.family === 4 ? mask : mask6);
}
