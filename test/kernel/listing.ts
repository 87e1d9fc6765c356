/** What nft says of lb's table, in a form that can be compared. */
import { DatabaseSync } from "node:sqlite";
import type { Lab } from "./harness.ts";
import { must } from "./steps.ts";

/** A rule as nft lists it. */
export interface ListedRule {
  readonly chain: string;
  readonly handle: string;
  readonly text: string;
}

/**
 * lb's table as nft prints it, without counts, and without the mark of the last transaction, which is
 * another after every change. Objects are sorted: one that was deleted comes back behind the others.
 */
export async function tableText(lab: Lab): Promise<string> {
  const { stdout } = await lab.balancer.run(["nft", "--stateless", "list", "table", "inet", "lb"]);
  const objects = stdout.split(/^\}$|\n(?=\t\S+ \S+ \{$)/m).map((object) => object.trim());
  return objects.filter((object) => !object.startsWith("set revision ")).sort().join("\n");
}

/** Every rule of lb's table, with the handle to delete it by. */
export async function listRules(lab: Lab): Promise<ListedRule[]> {
  const text = await must(lab, "nft", "--handle", "list", "table", "inet", "lb");
  let chain = "";
  return text.split("\n").flatMap((line) => {
    chain = /^\tchain (\S+) \{/.exec(line)?.[1] ?? chain;
    const [, text, handle] = /^\t\t(.*) # handle (\d+)$/.exec(line) ?? [];
    return text && handle ? [{ chain, handle, text }] : [];
  });
}

/** The first element of every map and set with content: its container, key and, in maps, value. */
export async function firstElements(lab: Lab) {
  const text = await must(lab, "nft", "--numeric", "list", "table", "inet", "lb");
  const blocks = text.matchAll(/^\t(map|set) (\S+) \{\n[^}]*?elements = \{ ([^,}]*?)\s*[,}]/gm);
  return [...blocks].map(([, kind, name, element]) => {
    const [key, value] = element!.split(/ : (?=\S)/);
    return { kind: kind!, name: name!, key: key!, value };
  });
}

/** Messages of the drift events on record. */
export function driftEvents(lab: Lab): string[] {
  const database = new DatabaseSync(`${lab.topology.folder}/state/lb.db`, { readOnly: true });
  try {
    const rows = database.prepare("SELECT message FROM event WHERE kind = 'drift' ORDER BY id")
      .all();
    return rows.map(({ message }) => String(message));
  } finally {
    database.close();
  }
}

/** Runs `act` under `nft monitor`, and returns the transactions that landed meanwhile. */
export async function transactionsDuring(lab: Lab, act: () => Promise<unknown>): Promise<string[]> {
  const log = `${lab.topology.folder}/monitor`;
  const script = `nft monitor >${log} & echo ready; read -r; sleep 0.3; kill $!`;
  const monitor = lab.traffic.program(lab.topology.balancer, ["bash", "-c", script]);
  await monitor.lines.next();
  // nft says nothing when it begins to listen.
  await new Promise((resolve) => setTimeout(resolve, 300));
  try {
    await act();
  } finally {
    // nft holds the shell's output open: left alone, nobody would ever see that shell end.
    await monitor.closeInput();
    await monitor.ended;
  }
  return [...Deno.readTextFileSync(log).matchAll(/^# new generation.*$/gm)].map(([line]) => line);
}
