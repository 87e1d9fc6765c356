import type { DesiredState } from "../../../model/state.ts";
import { countActive } from "../../../netlink/conntrack/count.ts";
import { dumpElements } from "../../../netlink/nft/element.ts";
import { dumpSets } from "../../../netlink/nft/set.ts";
import { withNft } from "../../../netlink/nft/table.ts";
import type { Kernel, SocketsPort } from "../../../sys/ports.ts";
import type { Ask, Surroundings, Way } from "../../why.ts";
import { elementReader } from "../element.ts";
import type { Snapshot } from "../snapshot.ts";
import { tableId, type TableName } from "../table.ts";
import { type Elements, Tables } from "./tables.ts";
import { wayOf } from "./walk.ts";

/**
 * The ways of new connections through the tables that the kernel holds.
 *
 * @param have what the kernel holds
 * @param state that was written
 * @throws {KernelError} where the kernel cannot be asked
 */
export function explain(
  { sockets }: Kernel,
  have: Snapshot,
  state: DesiredState,
  asks: readonly Ask[],
  around: Surroundings,
): Way[] {
  const tables = new Tables(state, have);
  const sticky = remembered((table, set) => readDynamic(sockets, table, set));
  let counts: ReadonlyMap<number, number> | undefined;
  const active = (id: number) => (counts ??= countActive(sockets, state.marks)).get(id) ?? 0;
  const ground = {
    tables,
    around,
    sticky: ({ table }: { readonly table: TableName }, set: string) => sticky(table, set),
    active,
  };
  return asks.map((ask) => wayOf(ground, ask));
}

type Read = (table: TableName, set: string) => Elements;

/** Each is read once, however many ask. */
function remembered(read: Read): Read {
  const known = new Map<string, Elements>();
  return (table, set) => {
    const key = `${table} ${set}`;
    const elements = known.get(key) ?? read(table, set);
    known.set(key, elements);
    return elements;
  };
}

/** What packets have put into a map, which no look at the tables reads. */
function readDynamic(sockets: SocketsPort, table: TableName, name: string): Elements {
  return withNft(sockets, (connection) => {
    const id = tableId(table);
    const set = dumpSets(connection, id).find((one) => one.name === name);
    const reader = set && elementReader(set);
    if (!reader) return new Map();
    dumpElements(connection, id, name, (element) => reader.add(element));
    return reader.result();
  });
}
