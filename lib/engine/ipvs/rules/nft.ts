import {
  contains,
  FAMILIES,
  type Family,
  formatPrefix,
  isSingle,
  type Prefix,
} from "../../../model/address.ts";
import { elementStatements } from "../../element_statements.ts";
import type { PortRange } from "../../../model/service.ts";
import { describeRules, type Flow, type IpvsRule, isExact, ofFamily } from "./rule.ts";
import { type Unit, wantedUnit } from "./unit.ts";

/** A table for each IP version: inet tables have no nat before linux 5.2. */
export const NFT_TABLES = [
  { family: "ip", name: "lb-ipvs" },
  { family: "ip6", name: "lb-ipvs" },
] as const;

const ADDRESS = { 4: "ip", 6: "ip6" } as const;

/** How a table is named among the units. */
export function nftUnitName({ family, name }: typeof NFT_TABLES[number]): string {
  return `nft table ${family} ${name}`;
}

/** The tables for these rules; one without any is not there. Pure. */
export function nftUnits(rules: readonly IpvsRule[]): (readonly [string, Unit])[] {
  return FAMILIES.flatMap((family, index) => {
    const own = ofFamily(rules, family);
    if (own.length === 0) return [];
    const text = tableText(own, family);
    return [[nftUnitName(NFT_TABLES[index]!), wantedUnit(text, describeRules(own))] as const];
  });
}

/** Statements that put the table in place of whatever has its name. */
function tableText(rules: readonly IpvsRule[], family: Family): string {
  const table = `${ADDRESS[family]} ${NFT_TABLES[0].name}`;
  const parts = PARTS.flatMap((part) => part(rules, family));
  const chains = new Set(parts.flatMap(({ rules }) => rules.map(([chain]) => chain)));
  return [
    ...[`add table ${table}`, `delete table ${table}`, `create table ${table}`],
    ...[...chains].map((chain) => `add chain ${table} ${chain} { ${HOOKS[chain]} }`),
    ...parts.flatMap(({ sets }) => sets.flatMap((set) => setText(table, set))),
    ...parts.flatMap(({ rules }) =>
      rules.map(([chain, rule]) => `add rule ${table} ${chain} ${rule}`)
    ),
    "",
  ].join("\n");
}

/** Before conntrack (-200), before IPVS and everybody's filters, and with other source NAT. */
const HOOKS = {
  "pre-raw": "type filter hook prerouting priority -300; policy accept;",
  "pre-filter": "type filter hook prerouting priority -151; policy accept;",
  "in-filter": "type filter hook input priority -151; policy accept;",
  "post-nat": "type nat hook postrouting priority 100; policy accept;",
} as const;

interface NftSet {
  readonly kind: "set" | "map";
  readonly name: string;
  readonly declaration: string;
  readonly elements: readonly string[];
}

/** What one kind of rule takes of the table. */
interface Part {
  readonly sets: readonly NftSet[];
  readonly rules: readonly (readonly [keyof typeof HOOKS, string])[];
}

const PARTS: readonly ((rules: readonly IpvsRule[], family: Family) => Part[])[] = [
  untracked,
  marked,
  masqueraded,
];

function untracked(rules: readonly IpvsRule[], family: Family): Part[] {
  const flows = (side: "to" | "from") =>
    rules.flatMap((rule) => rule.kind === "untracked" && rule.side === side ? [rule.flow] : []);
  return [
    lookup("to", "daddr", flows("to"), family, (found) => ["pre-raw", `${found} notrack`]),
    // Answers to connections that this machine masquerades for somebody else come to its own address.
    lookup("from", "saddr", flows("from"), family, (found) => [
      "pre-raw",
      `${found} fib daddr type != local notrack`,
    ]),
  ];
}

/**
 * What has the mark of a range gets that of an exact port after it. Only where IPVS is next: until then a
 * packet has the bits that others gave it, by which it may be routed.
 */
function marked(rules: readonly IpvsRule[], family: Family): Part[] {
  const marks = rules.flatMap((rule) => rule.kind === "mark" ? [rule] : []);
  const key = keyOf("daddr", family);
  return partition(marks).filter(({ all }) => all.length > 0).map(({ all, isRange }) => {
    const name = isRange ? "mark-ranges" : "mark-exact";
    const elements = all.map(({ flow, mark }) => `${elementOf(flow)} : ${mark}`);
    const declaration = `typeof ${key} : meta mark;${isRange ? " flags interval;" : ""}`;
    return {
      sets: [{ kind: "map", name, declaration, elements }],
      rules: [["in-filter", `meta mark set ${key} map @${name}`]],
    };
  });
}

/**
 * What conntrack calls INVALID is not translated: without the drop, IPVS would send it on with the client's
 * address, take a reset for the end of a connection that goes on, and this machine would refuse an answer.
 */
function masqueraded(rules: readonly IpvsRule[], family: Family): Part[] {
  const own = rules.flatMap((rule) => rule.kind === "masquerade" ? [rule] : []);
  if (own.length === 0) return [];
  const vips = widest(own.map(({ flow }) => flow.address));
  const address = ADDRESS[family];
  return [
    { sets: [setOf("vips", `${address} daddr`, vips)], rules: [] },
    lookup("own", "daddr", own.map(({ flow }) => flow), family, (found) => [
      "pre-filter",
      `ct state invalid ${found} drop`,
    ]),
    lookup("backends", "saddr", own.map(({ backend }) => backend), family, (found) => [
      "pre-filter",
      `ct state invalid ${found} drop`,
    ]),
    lookup("behind", "daddr", own.map(({ backend }) => backend), family, (found) => [
      "post-nat",
      `ct original ${address} daddr @vips ${found} masquerade`,
    ]),
  ];
}

/** A rule for packets to or from many: one set of exact keys, one of ranges. */
function lookup(
  name: string,
  side: "daddr" | "saddr",
  flows: readonly Flow[],
  family: Family,
  rule: (found: string) => Part["rules"][number],
): Part {
  const key = keyOf(side, family);
  const sets = partition(united(flows).map((flow) => ({ flow })))
    .filter(({ all }) => all.length > 0)
    .map(({ all, isRange }) =>
      setOf(
        isRange ? `${name}-ranges` : name,
        key,
        all.map(({ flow }) => elementOf(flow)),
        isRange,
      )
    );
  return { sets, rules: sets.map(({ name }) => rule(`${key} @${name}`)) };
}

function setOf(name: string, key: string, elements: readonly string[], isRange = true): NftSet {
  const declaration = `typeof ${key};${isRange ? " flags interval;" : ""}`;
  return { kind: "set", name, declaration, elements };
}

function keyOf(side: "daddr" | "saddr", family: Family): string {
  const port = side === "daddr" ? "dport" : "sport";
  return `${ADDRESS[family]} ${side} . meta l4proto . th ${port}`;
}

/** Ranges first, so that what is exact has the last word. */
function partition<T extends { readonly flow: Flow }>(all: readonly T[]) {
  return [true, false].map((isRange) => ({
    isRange,
    all: all.filter(({ flow }) => isExact(flow) !== isRange),
  }));
}

/** Sets of ranges refuse those that overlap: ports of one address are put together. */
function united(flows: readonly Flow[]): Flow[] {
  const groups = Map.groupBy(
    flows,
    ({ address, protocol }) => `${formatPrefix(address)} ${protocol}`,
  );
  return [...groups.values()].flatMap((group) => {
    const [{ address, protocol }] = group as [Flow, ...Flow[]];
    return unitedPorts(group.map(({ ports }) => ports))
      .map((ports) => ({ address, protocol, ports }));
  });
}

/** Without those that lie in others. */
function widest(addresses: readonly Prefix[]): string[] {
  const wide = addresses.filter((address) => !isSingle(address));
  const isInside = (one: Prefix) =>
    wide.some((other) => other.length < one.length && contains(other, one));
  return [...new Set(addresses.filter((one) => !isInside(one)).map(formatPrefix))];
}

function unitedPorts(ranges: readonly PortRange[]): PortRange[] {
  const exact = ranges.filter(({ first, last }) => first === last);
  const wide = ranges.filter(({ first, last }) => first !== last)
    .toSorted((a, b) => a.first - b.first);
  const merged: PortRange[] = [];
  for (const { first, last } of wide) {
    const before = merged.at(-1);
    if (!before || before.last < first) merged.push({ first, last });
    else merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, last) };
  }
  const single = new Map(exact.map((range) => [range.first, range]));
  return [...merged, ...single.values()];
}

function elementOf({ address, protocol, ports: { first, last } }: Flow): string {
  return `${formatPrefix(address)} . ${protocol} . ${first === last ? first : `${first}-${last}`}`;
}

function setText(table: string, { kind, name, declaration, elements }: NftSet): string[] {
  return [
    `add ${kind} ${table} ${name} { ${declaration} }`,
    ...elementStatements("add", table, name, elements),
  ];
}
