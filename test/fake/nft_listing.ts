/**
 * Test equipment: `nft -n -j list` for the fake. Objects, names and elements are as nft 1.0.6 lists
 * them. Rules and types are not: they only share with it what matters to us, that the listing is stable and
 * differs from what was written.
 */
import { parseDeclaration, parseHook } from "./nft_script.ts";
import type {
  ElementState,
  FakeChain,
  FakeCollection,
  FakeCounter,
  FakeRule,
  FakeTable,
} from "./nft_table.ts";

type Listed = Readonly<Record<string, unknown>>;

/** @param path `FAMILY NAME` */
export function listTable(path: string, table: FakeTable): { nftables: Listed[] } {
  const [family, name] = path.split(" ");
  const at = { family, table: name };
  return {
    nftables: [
      { metainfo: { version: "fake", json_schema_version: 1 } },
      { table: { family, name, handle: table.handle } },
      ...Array.from(table.counters, ([name, counter]) => listCounter({ ...at, name }, counter)),
      ...Array.from(table.collections, ([name, found]) => listCollection({ ...at, name }, found)),
      ...Array.from(table.chains, ([name, chain]) => listChain({ ...at, name }, chain)),
      ...Array.from(table.chains).flatMap(([chain, { rules }]) =>
        rules.map((rule) => listRule({ ...at, chain }, rule))
      ),
    ],
  };
}

function listCounter(at: Listed, { handle, packets, bytes }: FakeCounter): Listed {
  return { counter: { ...at, handle, packets, bytes } };
}

function listChain(at: Listed, { handle, hook }: FakeChain): Listed {
  if (hook === undefined) return { chain: { ...at, handle } };
  const { type, hook: name, priority, policy } = parseHook(hook);
  return { chain: { ...at, handle, type, hook: name, prio: priority, policy } };
}

function listRule(at: Listed, { handle, tokens }: FakeRule): Listed {
  return { rule: { ...at, handle, expr: tokens } };
}

function listCollection(at: Listed, collection: FakeCollection) {
  const { kind, handle, declaration } = collection;
  const { fields, value, flags, size, timeout_ms } = parseDeclaration(declaration);
  const elem = Array.from(collection.elements, ([key, value]) => {
    const listed = withState(listKey(key), collection.states.get(key));
    return kind === "set" ? listed : [listed, listValue(value)];
  });
  // nft leaves out what there is none of.
  const rest = {
    ...(flags.length > 0 ? { flags } : {}),
    ...(size === undefined ? {} : { size }),
    ...(timeout_ms === undefined ? {} : { timeout: timeout_ms / 1000 }),
    ...(elem.length > 0 ? { elem } : {}),
  };
  return { [kind]: { ...at, type: fields, handle, map: value, ...rest } };
}

/** What packets made has a time-out, and is wrapped. */
function withState(val: unknown, state: ElementState | undefined): unknown {
  return state === undefined ? val : { elem: { val, expires: state.expires_ms } };
}

function listKey(key: string): unknown {
  const fields = key.split(" . ").map(listInterval);
  return fields.length === 1 ? fields[0] : { concat: fields };
}

function listInterval(field: string): unknown {
  const [, addr, len] = /^(.+)\/(\d+)$/.exec(field) ?? [];
  if (addr !== undefined) return { prefix: { addr, len: Number(len) } };
  const [, first, last] = /^(\d+)-(\d+)$/.exec(field) ?? [];
  return first === undefined ? listScalar(field) : { range: [Number(first), Number(last)] };
}

function listValue(value: string): unknown {
  const [verdict = "", name] = value.split(" ");
  if (name !== undefined) return { [verdict]: { target: name } };
  return ["accept", "drop", "return"].includes(verdict) ? { [verdict]: null } : listScalar(value);
}

function listScalar(text: string): string | number {
  return /^\d+$/.test(text) ? Number(text) : text;
}
