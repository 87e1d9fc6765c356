/**
 * `deno run -A test/bench/ipvs/delay.ts [uml|qemu] [CONNECTIONS]`: the delay of a second on a kernel that has
 * IPVS, as tables for docs/ipvs-delay.md.
 */
import { qemu } from "../../kernel/machine/qemu.ts";
import { uml } from "../../kernel/machine/uml.ts";
import { median } from "../statistics.ts";
import type { DelayResult } from "./delay_result.ts";

const LIMIT_MS = 3_600_000;

async function measure(name: string, connections: string): Promise<DelayResult> {
  const guest = name === "qemu" ? qemu : uml;
  const folder = await Deno.makeTempDir({ prefix: "lb-bench-" });
  try {
    await guest.prepare();
    const program = new URL("delay_inside.ts", import.meta.url).pathname;
    const { code, stdout, stderr } = await guest.run({
      argv: [Deno.execPath(), "run", "-A", "--cached-only", program, connections],
      folder,
      env: { NO_COLOR: "1" },
      timeout_ms: LIMIT_MS,
    });
    if (code !== 0) throw new Error(`it ended with ${code}: ${stderr.trim()}`);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function tables({ kernel, rows, rates }: DelayResult): string {
  return [
    `Linux ${kernel}.`,
    table(
      ["scenario", "set up", "connections", "over 500 ms", "longest", "to the dead"],
      rows.map((row) => [
        ...[row.scenario, row.setup, row.connections, row.slow],
        ...[`${row.longest_ms} ms`, row.dead],
      ]),
    ),
    table(
      ["remedy", "connections a second", "of all rounds"],
      rates.map(({ setup, per_second }) => [
        setup,
        Math.round(median(per_second)),
        per_second.map(Math.round).join(", "),
      ]),
    ),
  ].join("\n\n");
}

const [name = "uml", connections = "2000"] = Deno.args;
console.log(tables(await measure(name, connections)));
