import { countActive } from "../../../netlink/conntrack/count.ts";
import { dumpElements } from "../../../netlink/nft/element.ts";
import { getElement } from "../../../netlink/nft/element_get.ts";
import { dumpSets, type ListedSet } from "../../../netlink/nft/set.ts";
import { withNft } from "../../../netlink/nft/table.ts";
import type { NetlinkConnection } from "../../../netlink/request.ts";
import type { Kernel } from "../../../sys/ports.ts";
import type { Committed } from "../../engine.ts";
import type { Ask, Surroundings, Way } from "../../why.ts";
import { dataText, elementReader } from "../element.ts";
import { valueBytes } from "../key_bytes.ts";
import { partsOf } from "../key_type.ts";
import { tableId, type TableName } from "../table.ts";
import { type Elements, type MapReader, Tables } from "./tables.ts";
import { wayOf } from "./walk.ts";

/**
 * The ways of new connections through the tables that the kernel holds: it is asked for what their packets would
 * look up, and for no more.
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function explain(
  { sockets }: Kernel,
  { state }: Pick<Committed, "state">,
  asks: readonly Ask[],
  around: Surroundings,
): Way[] {
  let counts: ReadonlyMap<number, number> | undefined;
  const active = (id: number) => (counts ??= countActive(sockets, state.marks)).get(id) ?? 0;
  return withNft(sockets, (connection) => {
    const tables = new Tables(state, mapReader(connection));
    return asks.map((ask) => wayOf({ tables, around, active }, ask));
  });
}

/** Data of maps that are no verdicts: ids of backends. */
const [ID] = partsOf("meta priority");

function mapReader(connection: NetlinkConnection): MapReader {
  const sets = remembered((table: TableName) => listSets(connection, table));
  const all = remembered((table: TableName, name: string) => {
    const set = sets(table).get(name);
    return set ? readAll(connection, table, set) : NOTHING;
  });
  return {
    all,
    get(table, map, type, key) {
      const bytes = valueBytes(partsOf(type), key);
      const found = bytes && getElement(connection, tableId(table), map, bytes);
      return found && dataText(ID, found.data);
    },
  };
}

const NOTHING: Elements = new Map();

function listSets(connection: NetlinkConnection, table: TableName): Map<string, ListedSet> {
  return new Map(dumpSets(connection, tableId(table)).map((set) => [set.name, set]));
}

function readAll(connection: NetlinkConnection, table: TableName, set: ListedSet): Elements {
  const reader = elementReader(set);
  if (!reader) return NOTHING;
  dumpElements(connection, tableId(table), set.name, (element) => reader.add(element));
  return reader.result();
}

/** What is read once, however many ask. */
function remembered<Names extends readonly string[], Result>(
  read: (...names: Names) => Result,
): (...names: Names) => Result {
  const known = new Map<string, Result>();
  return (...names) => {
    const key = names.join("\n");
    const found = known.get(key) ?? read(...names);
    known.set(key, found);
    return found;
  };
}
