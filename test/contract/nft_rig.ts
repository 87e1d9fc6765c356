import assert from "node:assert/strict";
import type { NftPlan } from "../../lib/engine/nft/plan.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import type { Rig, Tampering } from "./rig.ts";

/** What differs between the fake nft and the real one. */
export interface NftHost {
  readonly kernel: Kernel;
  readonly lacks?: readonly string[];
  /** Runs nft statements as an operator would. @throws where they are refused */
  edit(...lines: readonly string[]): Promise<void>;
  /** Names of all tables, `FAMILY NAME`. */
  tables(): Promise<readonly string[]>;
  connect: Rig<NftPlan>["connect"];
  /** Ways to damage the table that only this one knows: statements and the drift they make. */
  readonly rarities: readonly (readonly [name: string, drift: string, statement: string])[];
  close(): void;
}

const FOREIGN = "ip somebody";

/** Somebody else's table, which no engine may touch. */
const FOREIGN_LINES = [
  `add table ${FOREIGN}`,
  `add chain ${FOREIGN} theirs { type filter hook input priority 0; policy accept; }`,
  `add set ${FOREIGN} blocked { typeof ip saddr; }`,
  `add element ${FOREIGN} blocked { 192.0.2.66, 192.0.2.67 }`,
  `add rule ${FOREIGN} theirs ip saddr @blocked drop`,
];

/** A rig for the nft engine around a fresh host. */
export async function makeNftRig(host: NftHost): Promise<Rig<NftPlan>> {
  await host.edit(...FOREIGN_LINES);
  let neighbours = 0;
  return {
    kernel: host.kernel,
    lacks: host.lacks,
    tamperings: tamperings(host),
    async whole() {
      const names = [...await host.tables()].filter((name) => !name.startsWith("ip neighbour"));
      return (await Promise.all(names.map((name) => contents(host.kernel, name)))).join("\n");
    },
    foreign: () => contents(host.kernel, FOREIGN),
    touchForeign: () => host.edit(`add table ip neighbour${++neighbours}`),
    ruin: () => host.edit("flush set inet lb revision"),
    connect: host.connect,
    // A chain that rules still jump to: EBUSY, which no plan of ours can meet by being stale.
    spoils: [({ write, ...plan }) => ({
      ...plan,
      small: undefined,
      write(put) {
        write(put);
        put("delete chain inet lb refuse");
      },
    })],
    close: host.close,
  };
}

function tamperings(host: NftHost): Tampering[] {
  const by = (name: string, drift: readonly string[], ...lines: readonly string[]): Tampering => ({
    name,
    drift,
    act: () => host.edit(...lines),
  });
  return [
    { name: "a rule deleted", drift: ["chain s-web4"], act: () => deleteRule(host, "s-web4", 1) },
    by("a rule added", ["chain refuse"], "add rule inet lb refuse accept"),
    by("a chain flushed", ["chain b-1"], "flush chain inet lb b-1"),
    by(
      "a policy changed",
      ["chain c-fwd"],
      "add chain inet lb c-fwd { type filter hook forward priority -1; policy drop; }",
    ),
    by("a slot deleted", ["map sv-web4"], "delete element inet lb sv-web4 { 0 }"),
    by(
      "a slot changed",
      ["map sv-web4"],
      "delete element inet lb sv-web4 { 0 }",
      "add element inet lb sv-web4 { 0 : jump b-2 }",
    ),
    by("a slot too many", ["map sv-web6"], "add element inet lb sv-web6 { 9 : jump b-3 }"),
    by("a map flushed", ["map ex4"], "flush map inet lb ex4"),
    by("a VIP deleted", ["set vip6"], "delete element inet lb vip6 { 2001:db8:1::10 }"),
    by("an empty chain added", ["chain intruder"], "add chain inet lb intruder"),
    by(
      "chains added that call each other",
      ["chain intruder", "chain s-web4", "chain second"],
      "add chain inet lb intruder",
      "add chain inet lb second",
      "add rule inet lb intruder drop",
      "add rule inet lb second jump intruder",
      "add rule inet lb s-web4 jump second",
    ),
    by(
      "a map added that leads to a chain",
      ["map intruder", "chain second", "chain third", "map ex4"],
      "add chain inet lb second",
      "add chain inet lb third",
      "add map inet lb intruder { typeof ip saddr : verdict; }",
      "add element inet lb intruder { 192.0.2.66 : goto second }",
      "add rule inet lb third ip saddr vmap @intruder",
      "add element inet lb ex4 { 203.0.113.10 . tcp . 22 : goto third }",
    ),
    by("a counter added", ["counter n-99"], "add counter inet lb n-99"),
    by(
      "a set made anew with another type",
      ["set be4", "chain badflow"],
      "flush chain inet lb badflow",
      "delete set inet lb be4",
      "add set inet lb be4 { typeof ip daddr . th dport; }",
    ),
    by(
      "two things at once",
      ["chain refuse", "set hp4"],
      "flush chain inet lb refuse",
      "delete element inet lb hp4 { 198.51.100.11 . 0:1 }",
    ),
    by("the table deleted", ["table inet lb"], "delete table inet lb"),
    ...host.rarities.map(([name, drift, statement]) => by(name, [drift], statement)),
  ];
}

interface ListedRule {
  readonly chain: string;
  readonly handle: number;
}

/** Deletes the n-th rule of a chain, by its handle, as one does by hand. */
async function deleteRule(host: NftHost, chain: string, index: number): Promise<void> {
  const handles = (await entries(host.kernel, "inet lb"))
    .flatMap(({ rule }) => rule ? [rule as ListedRule] : [])
    .filter((rule) => rule.chain === chain)
    .map(({ handle }) => handle);
  await host.edit(`delete rule inet lb ${chain} handle ${handles[index]}`);
}

/** A table as text, sorted, without what moves by itself: counts, handles and our revision. */
async function contents(kernel: Kernel, table: string): Promise<string> {
  const lines = (await entries(kernel, table)).filter((entry) => !entry.metainfo).map((entry) => {
    const [kind, listed] = Object.entries(entry)[0]!;
    const { handle: _handle, packets: _packets, bytes: _bytes, elem, ...rest } = listed as Record<
      string,
      unknown
    >;
    const elements = (elem as unknown[] | undefined ?? []).map((one) => JSON.stringify(one)).sort();
    const shown = rest.name === "revision" ? [] : elements;
    return `${kind} ${JSON.stringify(rest)} ${shown.join(" ")}`;
  });
  // Rules stay in their order, objects have none.
  const isRule = (line: string) => line.startsWith("rule");
  const rules = lines.filter(isRule).sort((a, b) => chainOf(a).localeCompare(chainOf(b)));
  return [...lines.filter((line) => !isRule(line)).sort(), ...rules].join("\n");
}

function chainOf(line: string): string {
  return /"chain":"([^"]+)"/.exec(line)?.[1] ?? "";
}

async function entries(kernel: Kernel, table: string): Promise<Record<string, unknown>[]> {
  const [family, name] = table.split(" ") as [string, string];
  const { code, stdout } = await kernel.process.run(["nft", "-j", "list", "table", family, name]);
  assert.equal(code, 0, `list table ${table}`);
  return (JSON.parse(stdout) as { nftables: Record<string, unknown>[] }).nftables;
}
