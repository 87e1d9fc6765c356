import type { Committed } from "../engine.ts";
import { desiredSnapshot } from "./desired.ts";
import { objectName, REVISION_SET, type Snapshot, type Table } from "./snapshot.ts";
import { TABLE_NAMES, type TableName } from "./table.ts";

/** Objects that are not as they were committed: changed, added or taken away by somebody else. Pure. */
export function driftOf(have: Snapshot, committed: Committed): readonly string[] {
  const want = desiredSnapshot(committed.state);
  return TABLE_NAMES.flatMap((name) => {
    const [wanted, found] = [want.tables.get(name), have.tables.get(name)];
    if (wanted && !found) return [`table ${name}`];
    if (!wanted || !found) return [];
    return [
      ...missingOrChanged(name, wanted, found),
      ...added(name, wanted, found),
      ...found.foreign,
    ];
  });
}

function missingOrChanged(table: TableName, want: Table, have: Table): string[] {
  const chains = [...want.chains].filter(([name, { source, hook }]) => {
    const found = have.chains.get(name);
    return found?.source !== source || found.hook !== hook;
  });
  const collections = [...want.collections].filter(([name, { kind, header, elements }]) => {
    const found = have.collections.get(name);
    if (found?.kind !== kind || found.header !== header) return true;
    return name !== REVISION_SET && !sameElements(found.elements, elements);
  });
  const counters = [...want.counters.keys()].filter((name) => !have.counters.has(name));
  return [
    ...chains.map(([name]) => objectName(table, "chain", name)),
    ...collections.map(([name, { kind }]) => objectName(table, kind, name)),
    ...counters.map((name) => objectName(table, "counter", name)),
  ];
}

function added(table: TableName, want: Table, have: Table): string[] {
  return [
    ...extra(have.chains, want.chains).map((name) => objectName(table, "chain", name)),
    ...extra(have.collections, want.collections).map((name) => {
      return objectName(table, have.collections.get(name)!.kind, name);
    }),
    ...extra(have.counters, want.counters).map((name) => objectName(table, "counter", name)),
  ];
}

function extra(of: ReadonlyMap<string, unknown>, beyond: ReadonlyMap<string, unknown>): string[] {
  return [...of.keys()].filter((name) => !beyond.has(name));
}

function sameElements(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
