import { ABSENT, type Change } from "../../model/change.ts";
import { plural } from "../../model/plural.ts";
import type { SmallTransaction } from "../../netlink/nft/transaction.ts";
import type { EnginePlan } from "../engine.ts";
import { additions, change, TableEdit } from "./edit.ts";
import { backendNames, idOfCounter } from "./names.ts";
import { type Put, Script } from "./script.ts";
import {
  type Chain,
  type Counter,
  objectName,
  REVISION_SET,
  type Snapshot,
  type Table,
} from "./snapshot.ts";
import { TABLE_NAMES, type TableName } from "./table.ts";

/** What a plan writes of one table's chains. */
export interface Written {
  /** By name, with the rules they get. */
  readonly chains: ReadonlyMap<string, Chain>;
  readonly removed: readonly string[];
  /** Nothing of what was on record for this table holds any more. */
  readonly isWhole: boolean;
}

/** Changes for people, and the one transaction that makes them. */
export interface NftPlan extends EnginePlan {
  /** Puts out the transaction for `nft -f`, a statement at a time: for 10,000 services it is 23 MB. */
  readonly write: (put: Put) => void;
  /**
   * The same transaction for netlink, where it is small, as when weights change: without nft, which first
   * reads the names of all there is (0.4 s and 137 MB at 10,000 services).
   */
  readonly small: SmallTransaction | undefined;
  readonly written: ReadonlyMap<TableName, Written>;
}

/** The part of a plan that is about one table. */
interface TablePlan {
  readonly changes: readonly Change[];
  readonly written: Written;
  /** What counters that are made begin at, by backend id. */
  readonly counters: ReadonlyMap<number, number>;
  readonly write: (put: Put) => void;
  readonly small?: SmallTransaction;
}

/**
 * The transaction from one state to the other.
 *
 * In each table it begins by deleting the revision element it was planned against and ends by adding its
 * own, so that a table which changed in between makes the whole of it fail (architecture.md, "One data
 * flow").
 */
export function planNft(want: Snapshot, have: Snapshot, token: string): NftPlan {
  const plans = TABLE_NAMES.flatMap((name) => {
    const plan = planTable(name, want, have, token);
    return plan ? [[name, plan] as const] : [];
  });
  const changes = plans.flatMap(([, plan]) => plan.changes);
  return {
    token,
    changes,
    write: (put) => plans.forEach(([, { write }]) => write(put)),
    small: smallOf(plans.map(([, { small }]) => small)),
    written: new Map(plans.map(([name, { written }]) => [name, written])),
    counters: new Map(plans.flatMap(([, { counters }]) => [...counters])),
  };
}

/** All tables' in one; undefined where one of them takes nft. */
function smallOf(parts: readonly (SmallTransaction | undefined)[]): SmallTransaction | undefined {
  const small = parts.filter((part) => part !== undefined);
  if (small.length < parts.length) return undefined;
  return {
    elements: small.flatMap(({ elements }) => elements),
    moduli: small.flatMap(({ moduli }) => moduli),
  };
}

function planTable(
  name: TableName,
  { present, tables }: Snapshot,
  snapshot: Snapshot,
  token: string,
): TablePlan | undefined {
  const [want, have] = [tables.get(name), snapshot.tables.get(name)];
  if (!want) return have && removal(name, have, present);
  if (!have) return creation(name, want, token);
  const reason = rebuildReason(want, have, snapshot);
  if (reason) return rebuild(name, want, have, token, reason);
  const edit = new TableEdit(name, want, have);
  return {
    changes: snapshot.token === undefined ? [retoken(name), ...edit.changes] : edit.changes,
    written: { chains: edit.written, removed: edit.removed, isWhole: false },
    counters: counterValues(edit.begun.map((counter) => [counter, NOTHING_COUNTED])),
    write: (put) => edit.write(put, have.token!, token),
    small: edit.small(have.token!, token),
  };
}

const NOTHING_COUNTED: Counter = { packets: 0, bytes: 0 };
const NO_CHAINS: Written = { chains: new Map(), removed: [], isWhole: true };

/** Somebody else wrote one of two tables: nobody can tell them for one state. */
function retoken(name: TableName): Change {
  return change("change", objectName(name, "set", REVISION_SET), "another than the other table's");
}

function removal(name: TableName, { token }: Table, isAnyLeft: boolean): TablePlan {
  const reason = isAnyLeft ? "nothing is left for it" : "no service is left";
  return {
    changes: [change("remove", `table ${name}`, reason)],
    written: NO_CHAINS,
    counters: new Map(),
    write(put) {
      const script = new Script(name, put);
      if (token) script.expectToken(token);
      script.deleteTable();
    },
  };
}

function creation(name: TableName, want: Table, token: string): TablePlan {
  return {
    changes: creationChanges(name, want),
    written: { chains: want.chains, removed: [], isWhole: true },
    counters: counterValues(want.counters),
    write(put) {
      new Script(name, put).createTable().declareAll(want).fillAll(want).setToken(token);
    },
  };
}

/** A new table with more objects than this is told by their numbers: nobody reads so many lines. */
const OBJECTS_TOLD_MAX = 1_000;

function creationChanges(name: TableName, want: Table): Change[] {
  const { chains, collections, counters } = want;
  const isTold = chains.size + collections.size + counters.size <= OBJECTS_TOLD_MAX;
  if (isTold) return [change("add", `table ${name}`, ABSENT), ...additions(name, want)];
  const contents = [
    plural(chains.size, "chain"),
    plural(collections.size, "map or set", "maps and sets"),
    plural(counters.size, "counter"),
  ].join(", ");
  return [change("add", `table ${name}`, `${ABSENT}; with ${contents}`)];
}

/**
 * Types and hooks cannot be changed in place, and what lb never makes cannot be told from what its maps
 * need. In both cases the table is replaced in one transaction; connections live on in conntrack.
 */
function rebuildReason(want: Table, have: Table, { known }: Snapshot): string | undefined {
  if (!known) return "there is no record of what is in it";
  if (!have.token) return "its revision is gone";
  if (have.foreign.length > 0) return `it holds ${have.foreign.join(", ")}`;
  for (const [name, { kind, header }] of want.collections) {
    const found = have.collections.get(name);
    if (found && (found.kind !== kind || found.header !== header)) {
      return `${kind} ${name} is not as lb made it`;
    }
  }
  for (const [name, { hook }] of want.chains) {
    const found = have.chains.get(name);
    if (found && found.hook !== hook) return `chain ${name} is not hooked as lb made it`;
  }
  return undefined;
}

function rebuild(
  name: TableName,
  want: Table,
  have: Table,
  token: string,
  reason: string,
): TablePlan {
  const counters = carriedCounters(want, have);
  return {
    changes: [change("change", `table ${name}`, `replaced in one transaction: ${reason}`)],
    written: { chains: want.chains, removed: [], isWhole: true },
    counters: counterValues(counters),
    write(put) {
      const script = new Script(name, put);
      if (have.token) script.expectToken(have.token);
      script.deleteTable().createTable();
      script.declareAll({ ...want, counters }).fillAll(want).setToken(token);
    },
  };
}

/** Counters go on where they were, where the backend of that id is known to be the same one. */
function carriedCounters(want: Table, have: Table): Map<string, Counter> {
  return new Map(Array.from(want.counters, ([name, zero]) => {
    const id = idOfCounter(name);
    const chain = id === undefined ? name : backendNames(id).chain;
    const isSame = have.chains.get(chain)?.source === want.chains.get(chain)?.source;
    return [name, isSame ? have.counters.get(name) ?? zero : zero];
  }));
}

function counterValues(counters: Iterable<readonly [string, Counter]>): Map<number, number> {
  return new Map(
    Array.from(counters).flatMap(([name, { packets }]) => {
      const id = idOfCounter(name);
      return id === undefined ? [] : [[id, packets] as const];
    }),
  );
}
