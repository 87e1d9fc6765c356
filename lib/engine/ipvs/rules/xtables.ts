import { XT_PROGRAMS } from "../../../kernel/saved_rules.ts";
import { FAMILIES, type Family, formatPrefix } from "../../../model/address.ts";
import { describeRules, type Flow, type IpvsRule, ofFamily } from "./rule.ts";
import { type Unit, wantedUnit } from "./unit.ts";

/** lb's chain in each table, jumped to from a built-in one. */
export const XT_CHAIN = "LB-IPVS";

/**
 * From which built-in chain lb's own is jumped to. IPVS takes packets behind INPUT; and what conntrack calls
 * INVALID of an answer that was masqueraded is addressed to this machine, and comes there too.
 */
export const XT_ENTRANCES = {
  raw: "PREROUTING",
  mangle: "INPUT",
  nat: "POSTROUTING",
} as const;

/** A table of iptables' that lb has rules in. */
export type XtTable = keyof typeof XT_ENTRANCES;

export const XT_TABLES = ["raw", "mangle", "nat"] as const satisfies readonly XtTable[];

/** What a unit of iptables' is. */
interface XtUnit {
  readonly family: Family;
  readonly table: XtTable;
}

const XT_UNITS: readonly XtUnit[] = FAMILIES.flatMap((family) =>
  XT_TABLES.map((table) => ({ family, table }))
);

/** How one is named among the units. */
export function xtUnitName({ family, table }: XtUnit): string {
  return `${XT_PROGRAMS[family]} table ${table}`;
}

/** The chains for these rules; an empty one is not there. Pure. */
export function xtUnits(rules: readonly IpvsRule[]): (readonly [string, Unit])[] {
  return XT_UNITS.flatMap((unit) => {
    const own = ofFamily(rules, unit.family).filter((rule) => LINES[rule.kind][unit.table]);
    const lines = own.flatMap((rule) => LINES[rule.kind][unit.table]!(rule));
    if (lines.length === 0) return [];
    const text = [...new Set(lines)].map((line) => `-A ${XT_CHAIN} ${line}`).join("\n");
    return [[xtUnitName(unit), wantedUnit(text, describeRules(own))] as const];
  });
}

type Writer = (rule: IpvsRule) => string[];

/** What each kind of rule is in each table. */
const LINES: Readonly<Record<IpvsRule["kind"], Partial<Record<XtTable, Writer>>>> = {
  untracked: { raw: untracked },
  // What conntrack calls INVALID is not translated: see nft.ts.
  masquerade: { mangle: invalid, nat: masqueraded },
  mark: { mangle: marked },
};

function untracked(rule: IpvsRule): string[] {
  if (rule.kind !== "untracked") return [];
  if (rule.side === "to") return [`${toText(rule.flow)} -j CT --notrack`];
  // Answers to connections that this machine masquerades for somebody else come to its own address.
  return [`${fromText(rule.flow)} -m addrtype ! --dst-type LOCAL -j CT --notrack`];
}

function invalid(rule: IpvsRule): string[] {
  if (rule.kind !== "masquerade") return [];
  return [toText(rule.flow), fromText(rule.backend)]
    .map((flow) => `${flow} -m conntrack --ctstate INVALID -j DROP`);
}

function masqueraded(rule: IpvsRule): string[] {
  if (rule.kind !== "masquerade") return [];
  const vip = formatPrefix(rule.flow.address);
  return [`${toText(rule.backend)} -m conntrack --ctorigdst ${vip} -j MASQUERADE`];
}

function marked(rule: IpvsRule): string[] {
  if (rule.kind !== "mark") return [];
  return [`${toText(rule.flow)} -j MARK --set-xmark ${rule.mark}/0xffffffff`];
}

function toText(flow: Flow): string {
  return flowText(flow, "-d", "--dport");
}

function fromText(flow: Flow): string {
  return flowText(flow, "-s", "--sport");
}

function flowText({ address, protocol, ports }: Flow, side: string, port: string): string {
  const { first, last } = ports;
  const range = first === last ? `${first}` : `${first}:${last}`;
  return `${side} ${formatPrefix(address)} -p ${protocol} -m ${protocol} ${port} ${range}`;
}
