import { FAMILIES, type Family } from "../../model/address.ts";
import { runWriter } from "../../kernel/program.ts";
import { isRefusal } from "../../model/error.ts";
import type { Tuple } from "../../netlink/conntrack/tuple.ts";
import type { Kernel } from "../../sys/ports.ts";

/** A table of its own, there for seconds only: the rules that balance stay as they are. */
export const CUT_TABLE = "lb-cut";

/** Before conntrack (-200) and what others do in `raw` (-300): it must not see the packets. */
const PRIORITY = -301;

/** nft takes long lines, but not endless ones. */
const ELEMENTS_PER_LINE = 500;

/** So many are known that have begun anew from the same port within these seconds: nft's own limit. */
const ANEW_MAX = 65_535;

/** Packets that are answered by a reset, by their addresses and ports where they come in. */
export interface CutTuple extends Tuple {
  readonly family: Family;
}

/**
 * Has every next packet of these flows answered by a tcp reset, and thrown away; a connection that begins anew
 * passes. The reset takes its number
 * from the packet, so that the end it goes to believes it (nf_reject_ip_tcphdr_put, RFC 9293 3.10.7). What
 * conntrack knows of them is not needed for it, and conntrack learns nothing from it.
 *
 * @param lasts_ms until the kernel forgets them again
 * @throws {KernelError} where the kernel refuses: reject in prerouting came with linux 5.9 (f53b9b0bdc59)
 * @throws {LbError} `unsupported` without nft
 */
export async function writeCut(
  { process, files, runDir }: Pick<Kernel, "process" | "files" | "runDir">,
  tuples: readonly CutTuple[],
  lasts_ms: number,
): Promise<void> {
  const path = `${runDir}/cut.nft`;
  files.replace(path, cutScript(tuples, lasts_ms), 0o600);
  try {
    await runWriter(process, ["nft", "-f", path], {
      operation: "nft -f",
      object: `table inet ${CUT_TABLE}`,
    });
  } finally {
    files.remove(path);
  }
}

/** Takes the rules away again; nothing happens where there are none. @throws {KernelError} */
export async function removeCut({ process }: Pick<Kernel, "process">): Promise<void> {
  const argv = ["nft", "delete", "table", "inet", CUT_TABLE] as const;
  try {
    await runWriter(process, argv, { operation: "nft delete", object: `table inet ${CUT_TABLE}` });
  } catch (error) {
    if (!isRefusal(error, ["ENOENT"])) throw error;
  }
}

/** One transaction that makes the table anew, or adds to it what is there already. Pure. */
export function cutScript(tuples: readonly CutTuple[], lasts_ms: number): string {
  const families = FAMILIES.filter((family) => tuples.some((one) => one.family === family));
  const timeout = `timeout ${Math.ceil(lasts_ms / 1000)}s`;
  return [
    `add table inet ${CUT_TABLE}`,
    ...families.flatMap((family) => [
      `add set inet ${CUT_TABLE} f${family} { type ${TYPES[family]}; flags timeout; ${timeout}; }`,
      `add set inet ${CUT_TABLE} n${family} { type ${
        TYPES[family]
      }; size ${ANEW_MAX}; flags dynamic,timeout; ${timeout}; }`,
    ]),
    ...chain("pre", "prerouting", families.flatMap(incoming)),
    ...chain("out", "output", families.flatMap(outgoing)),
    ...families.flatMap((family) =>
      chunks(tuples.filter((one) => one.family === family)).map((part) =>
        `add element inet ${CUT_TABLE} f${family} { ${part.map(elementOf).join(", ")} }`
      )
    ),
    "",
  ].join("\n");
}

const ADDRESS = { 4: "ipv4_addr", 6: "ipv6_addr" } as const;

const TYPES: Readonly<Record<Family, string>> = {
  4: `${ADDRESS[4]} . inet_service . ${ADDRESS[4]} . inet_service`,
  6: `${ADDRESS[6]} . inet_service . ${ADDRESS[6]} . inet_service`,
};

function chain(name: string, hook: string, rules: readonly string[]): string[] {
  const type = `type filter hook ${hook} priority ${PRIORITY}; policy accept;`;
  return [
    `add chain inet ${CUT_TABLE} ${name} { ${type} }`,
    `flush chain inet ${CUT_TABLE} ${name}`,
    ...rules.map((rule) => `add rule inet ${CUT_TABLE} ${name} ${rule}`),
  ];
}

function incoming(family: Family): string[] {
  return [begun(family), rejected(family)];
}

/** Also the machine's own clients are cut; what is said in an end's name goes out, and is not tracked. */
function outgoing(family: Family): string[] {
  return [
    `${backwards(family)} notrack accept`,
    `${forwards(family)} tcp flags & rst == rst notrack accept`,
    begun(family),
    rejected(family),
  ];
}

/** Who begins anew from the same port has forgotten the old connection, and may come to another backend. */
function begun(family: Family): string {
  const tuple = tupleOf(family);
  return `tcp flags & (syn | ack) == syn ${tuple} @f${family} update @n${family} { ${tuple} } accept`;
}

function rejected(family: Family): string {
  return `${forwards(family)} ${tupleOf(family)} != @n${family} reject with tcp reset`;
}

function forwards(family: Family): string {
  return `${tupleOf(family)} @f${family}`;
}

function tupleOf(family: Family): string {
  const ip = family === 4 ? "ip" : "ip6";
  return `${ip} saddr . tcp sport . ${ip} daddr . tcp dport`;
}

function backwards(family: Family): string {
  const ip = family === 4 ? "ip" : "ip6";
  return `${ip} daddr . tcp dport . ${ip} saddr . tcp sport @f${family}`;
}

function elementOf({ src, sport, dst, dport }: Tuple): string {
  return `${src} . ${sport} . ${dst} . ${dport}`;
}

function chunks<T>(all: readonly T[]): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += ELEMENTS_PER_LINE) {
    parts.push(all.slice(at, at + ELEMENTS_PER_LINE));
  }
  return parts;
}
