import {
  addressBytes,
  contains,
  type Family,
  networkOf,
  parseAddress,
  parsePrefix,
} from "../../../model/address.ts";
import type { Address } from "../../../model/address.ts";
import type { DesiredState, PlacedService } from "../../../model/state.ts";
import type { SlotTable } from "../../../scheduler/slots.ts";
import type { Ask } from "../../why.ts";
import { dispatchMaps } from "../dispatch.ts";
import { serviceNames } from "../names.ts";
import { slotsOf } from "../service_parts.ts";
import type { Snapshot, Table } from "../snapshot.ts";
import { INGRESS_TABLE, layoutsOf, type TableName } from "../table.ts";

/** Elements of a map or set. */
export type Elements = ReadonlyMap<string, string>;

const NO_ELEMENTS: Elements = new Map();

/** Where a packet's VIP, protocol and port lead. */
export interface Match {
  readonly table: TableName;
  /** The element, as nft spells it. */
  readonly key: string;
  readonly map: string;
  readonly service: PlacedService;
}

/** What the kernel holds, looked up the way a packet does it. */
export class Tables {
  readonly state: DesiredState;
  readonly #have: Snapshot;
  readonly #byChain: ReadonlyMap<string, PlacedService>;
  readonly #matches = new Map<string, Match | undefined>();
  readonly #slots = new Map<string, SlotTable>();

  /** @param state that was written */
  constructor(state: DesiredState, have: Snapshot) {
    this.state = state;
    this.#have = have;
    const chains = state.services.flatMap((service) =>
      ([4, 6] as const).map((family) => [serviceNames(service, family).chain, service] as const)
    );
    this.#byChain = new Map(chains);
  }

  /** The service a packet is for: exact keys first, and what is sent on at ingress before what is translated. */
  match(ask: Ask): Match | undefined {
    const key = `${ask.vip.text} . ${ask.protocol} . ${ask.vip_port}`;
    if (!this.#matches.has(key)) this.#matches.set(key, this.#find(key, ask));
    return this.#matches.get(key);
  }

  elements(table: TableName, name: string): Elements {
    return this.#table(table)?.collections.get(name)?.elements ?? NO_ELEMENTS;
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
      const { exact, intervals } = dispatchMaps(family);
      const key = this.elements(table, exact).has(exactKey)
        ? exactKey
        : [...this.elements(table, intervals).keys()].find((text) => covers(text, ask));
      if (key === undefined) continue;
      const map = key === exactKey ? exact : intervals;
      const chain = this.elements(table, map).get(key)!.replace(/^goto /, "");
      const service = this.#byChain.get(chain);
      // "accept" at ingress leaves it to the next table.
      if (service) return { table, key, map, service };
    }
    return undefined;
  }

  #table(name: TableName): Table | undefined {
    return this.#have.tables.get(name);
  }
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

/** Whether a set of intervals has an address. */
export function hasAddress(elements: Elements, address: Address): boolean {
  return [...elements.keys()].some((text) => isWithin(text, address));
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
export function stickyKey({ persistence }: PlacedService, client: Address): string {
  const { mask, mask6 } = persistence!;
  return networkOf(client, client.family === 4 ? mask : mask6).text;
}
