/**
 * `deno run -A test/bench/ipvs/delay.ts [uml|qemu] [CONNECTIONS]`: the delay of a second on a kernel that has
 * IPVS, as tables for docs/ipvs-delay.md.
 */
import { qemu } from "../../kernel/machine/qemu.ts";
import { uml } from "../../kernel/machine/uml.ts";
import { median } from "../statistics.ts";
import type { DelayResult } from "./delay_result.ts";
import { runInside } from "./run_inside.ts";

const LIMIT_MS = 3_600_000;

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function tables({ kernel, rows, rates, overflows, drops }: DelayResult): string {
  return [
    `Linux ${kernel}.`,
    table(
      ["scenario", "set up", "connections", "over 500 ms", "longest", "to the dead"],
      rows.map((row) => [
        ...[row.scenario, row.setup, row.connections, row.slow],
        ...[`${row.longest_ms} ms`, row.dead],
      ]),
    ),
    `At the backends: ListenOverflows ${overflows}, ListenDrops ${drops}.`,
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
const guest = name === "qemu" ? qemu : uml;
console.log(
  tables(await runInside(guest, "delay_inside.ts", connections, LIMIT_MS) as DelayResult),
);
