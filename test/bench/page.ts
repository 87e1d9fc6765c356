import { columns } from "../../lib/report/table.ts";
import { CONTENDERS } from "./contenders.ts";
import { queueContenders } from "./queue/contenders.ts";
import type { Results } from "./results.ts";
import type { Table } from "./table.ts";
import { tables } from "./tables.ts";

/** What a run has found, for a terminal. Pure. */
export function pageText(results: Results): string {
  const machine = columns(Object.entries(results.machine));
  const parts = tables(results).map(({ title, head, rows }) =>
    `${title}\n${columns([head, ...rows]).replaceAll(/^/gm, "  ")}`
  );
  return [machine, ...parts, ...skippedText(results)].join("\n\n");
}

function skippedText({ skipped }: Results): string[] {
  return skipped.length > 0
    ? [["Not measured:", ...skipped.map((why) => `  ${why}`)].join("\n")]
    : [];
}

/** The same as docs/performance.md, with how it was measured. Pure. */
export function pageMarkdown(results: Results): string {
  const { machine, options, skipped } = results;
  return [
    "# Performance",
    "Written by `deno task bench --write`; figures of other machines differ, ratios less so. Take " +
    "your own before you rely on them.",
    "## What it ran on",
    markdownTable(["", ""], Object.entries(machine)),
    ...tables(results).flatMap(section),
    ...skipped.length > 0 ? ["## Not measured", skipped.map((why) => `- ${why}`).join("\n")] : [],
    "## How it is measured",
    howText(options.pairs, options.seconds),
    "The contenders:",
    [...CONTENDERS, ...queueContenders("")].map(({ name, what }) => `- ${name}: ${what}`).join(
      "\n",
    ),
    "",
  ].join("\n\n");
}

function howText(pairs: number, seconds: number): string {
  return `Client, balancer and four backends are network namespaces of one machine, joined by veth
and a bridge; everything competes for the same cores, so a rate says what the whole way costs, and
the direct route says what it costs without a balancer: its packets take the same wires to the same
backends, and the balancer's machine routes them both ways. Every contender has the same VIP on IPv4
and hands it to the same backends in turn (\`direct\` and \`lb-dr\` by a hash of the client's address
and port). A client that knew the backends' own addresses would open its connections with less work,
since it finds free ports sooner: that is no part of what a balancer costs. They are
measured ${seconds} s each in ${pairs} rounds, in one order and then in the opposite one (ABBA),
each set up anew, with an empty conntrack table. A ratio is taken within a round and the median is
of those ratios, so that a machine that is slower for a while is so for both.

- Connections: \`wrk\`, 64 at a time, closed loop, a new TCP connection for each request. Backends
  are nginx, one worker each, with an answer from memory.
- Long downloads: \`curl\`, one connection per backend that ends only with the measurement, from a
  file in memory; bytes as the client's interface counts them.
- CPU: /proc/stat over the measurement, all cores; what programs used from /proc/PID/stat.
- Apply: a config of services with five backends each, in a namespace of its own. \`nft -f\` gets the
  very transaction that lb wrote (\`RUN/transaction.nft\`). Memory is the kernel's high-water mark
  (VmHWM) of lb and of the nft it starts, looked at every 20 ms.
- IPVS: on User Mode Linux and in qemu, each started for it (\`test/kernel/machine\`), the same
  client, balancer and backends in it. By hand is the VIP on \`lo\`, \`ip_forward\` and ipvsadm, all
  else as the kernel has it; one VIP with a port for each of the services that are applied.
- Queues: nfqlb is built from its public repository, and given by \`--nfqlb\`. It runs on the rules of
  its own syn-only.md, with the sizes of its own set-up; lb's worker takes its place behind the very
  same rules, and both are measured beside lb on its own rules. The program's CPU is that of its
  processes: for lb, the supervisor and all threads. SYNs come from a packet socket, and are dropped
  in mangle FORWARD, so that no connection comes of them.
- Start-up: warm runs follow a run; before cold ones the kernel drops its caches.`;
}

function section({ title, text, head, rows }: Table): string[] {
  return [`## ${title}`, text, markdownTable(head, rows)];
}

function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}
