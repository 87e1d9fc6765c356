import type { Family } from "../model/address.ts";
import { FAMILIES } from "../model/address.ts";
import { dumpChains, type ListedChain } from "../netlink/nft/chain.ts";
import { decidesByState } from "../netlink/nft/states.ts";
import { dumpTables, withNftIfAny } from "../netlink/nft/table.ts";
import { moduleUses } from "../kernel/modules.ts";
import { savedOrMissing, XT_PROGRAMS, xtTables } from "../kernel/saved_rules.ts";
import type { Kernel } from "../sys/ports.ts";
import { moduleIndex } from "./detect.ts";

/** lb's own, in any family. */
const OWN_TABLES: readonly string[] = ["lb", "lb-ipvs"];
const OWN_CHAIN = "LB-IPVS";

/** NF_INET_LOCAL_OUT: what this machine sends itself is not balanced for others. */
const OUTPUT = 3;

/**
 * Whose rules decide by conntrack's state of packets: a packet that conntrack passes over has none, and would
 * be dropped as a stranger. Looks at all but lb's own; loads nothing.
 *
 * @returns where the first of them is; undefined where there are none
 * @throws {KernelError}
 */
export async function statefulRules(kernel: Kernel): Promise<string | undefined> {
  const modules = await moduleIndex(kernel);
  const isThere = !modules.find(["nf_tables", "NF_TABLES"]).mightLoad;
  const chain = isThere ? statefulChain(kernel) : undefined;
  if (chain !== undefined) return chain;
  for (const family of FAMILIES) {
    const found = await statefulLegacy(kernel, family);
    if (found !== undefined) return found;
  }
}

function statefulChain({ sockets }: Kernel): string | undefined {
  return withNftIfAny(sockets, (connection) => {
    const tables = dumpTables(connection).filter(({ family, name, isDormant }) =>
      family !== "netdev" && !OWN_TABLES.includes(name) && !isDormant
    );
    for (const table of tables) {
      const found = dumpChains(connection, table).filter(isOnTheWay)
        .find(({ name }) => decidesByState(connection, table, name));
      if (found) return `chain ${found.name} of table ${table.family} ${table.name}`;
    }
  });
}

/** A chain without a hook may be jumped to from anywhere. */
function isOnTheWay({ hook }: ListedChain): boolean {
  return hook === undefined || hook.type !== "nat" && hook.hooknum !== OUTPUT;
}

async function statefulLegacy(
  { files, process }: Kernel,
  family: Family,
): Promise<string | undefined> {
  if (xtTables(files, family).length === 0) return;
  const saved = await savedOrMissing(process, family);
  if (saved instanceof Error) return inUse(files);
  const line = saved.split("\n").find((text) =>
    LEGACY_RULE.test(text) && !NOT_ON_THE_WAY.test(text)
  );
  return line && `rule "${line}" of ${XT_PROGRAMS[family]}`;
}

/** The modules of the matches for states know how many rules have them. */
function inUse(files: Kernel["files"]): string | undefined {
  const module = STATE_MODULES.find((name) => moduleUses(files, name) > 0);
  return module && `a rule of iptables' with ${module}, which no program here can show,`;
}

const STATE_MODULES = ["xt_conntrack", "xt_state"] as const;

/** A match for states, and something that decides. */
const LEGACY_RULE = /^-A .* (--ctstate|--state|--ctstatus) .* -[jg] /;

const NOT_ON_THE_WAY = new RegExp(`^-A (OUTPUT|${OWN_CHAIN}) `);
