import { type DemoResult, type DemoStep, INTERRUPTED } from "./demo.ts";
import type { Topology } from "./topology.ts";

/** Puts a text in a colour, or leaves it alone. */
export type Paint = (text: string, style: "green" | "red" | "dim" | "bold") => string;

const BAR_WIDTH = 24;

/** One line for a step that has ended. Pure. */
export function stepLine({ ok, name, detail, ms }: DemoStep, paint: Paint): string {
  const mark = ok ? paint("✓", "green") : paint("✗", "red");
  return `${mark} ${name.padEnd(9)} ${detail} ${paint(`(${seconds(ms)})`, "dim")}`;
}

/** A step that is under way. Pure. */
export function pendingLine(title: string, done = 0, total = 0): string {
  if (total === 0) return `  ${title} …`;
  const full = Math.round(BAR_WIDTH * Math.min(1, done / total));
  return `  ${title} ${"█".repeat(full)}${"░".repeat(BAR_WIDTH - full)} ${done}/${total}`;
}

/** The last line. Pure. */
export function summaryLine({ ok, engine, kernel, steps }: DemoResult, paint: Paint): string {
  const ms = steps.reduce((sum, step) => sum + step.ms, 0);
  const failed = steps.find((step) => !step.ok);
  if (ok) return paint(`All of it held: ${engine} on ${kernel}, ${seconds(ms)}.`, "bold");
  if (failed?.detail === INTERRUPTED) return paint("Interrupted; everything is removed.", "red");
  return paint(`"${failed?.name}" did not hold (${engine || "no engine"} on ${kernel}).`, "red");
}

/** How to look at what `--keep` left behind, and how to remove it. Pure. */
export function keepLines(topology: Topology, lb: readonly string[]): string {
  const names = [topology.client, topology.balancer, topology.wire, ...topology.backends];
  const enter = (name: string) => `ip netns exec ${name}`;
  return [
    "The namespaces are still there:",
    ...names.map((name) => `  ${name}`),
    "Look around:",
    `  ${enter(topology.client)} curl -s http://203.0.113.10/`,
    `  ${enter(topology.balancer)} nft list table inet lb`,
    `  ${enter(topology.balancer)} ${lb.join(" ")}`,
    "Remove them (the next lb demo does it too):",
    `  for n in ${names.join(" ")}; do ip netns pids $n | xargs -r kill; ip netns del $n; done; ` +
    `rm -r ${topology.folder}`,
  ].join("\n");
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
