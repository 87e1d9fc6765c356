import { mustRun } from "../../lib/demo/namespace.ts";
import { process } from "../../lib/sys/process.ts";
import { type Cost, measureCommand } from "./command.ts";
import { LB } from "./lb.ts";
import { abbaRounds } from "./order.ts";
import type { Progress } from "./progress.ts";
import { buildSolo, type Solo } from "./solo.ts";
import { whileStanding } from "./standing.ts";

/** What a pass of `lb reconcile` is held against. */
export const CHECKED_BACKENDS = 1_000;
export const HANGING_BACKENDS = 200;
export const TIMEOUT_MS = 2_000;

/** Addresses that were set aside for benchmarks (RFC 2544), all of them this namespace's own. */
const BACKEND_NETWORK = "198.19.0.0/16";
const VIP = "198.18.0.1";
const PORT = 8080;
const SILENT_PORT = 8081;

const SILENCE = "add table inet silent; " +
  "add chain inet silent input { type filter hook input priority 0; }; " +
  `add rule inet silent input tcp dport ${SILENT_PORT} drop`;

/** Of the namespace; see `SERIAL` of main.ts and `FORMS` of startup.ts. */
const SERIAL = 4;
const PLANNED_S = 3;

/** A pass over many backends. */
interface Load {
  readonly name: string;
  readonly type: "tcp" | "http";
  /** How many of them say nothing at all. */
  readonly hanging: number;
}

const LOADS: readonly Load[] = [
  { name: "tcp", type: "tcp", hanging: 0 },
  { name: "http", type: "http", hanging: 0 },
  { name: `http, ${HANGING_BACKENDS} hang`, type: "http", hanging: HANGING_BACKENDS },
];

/** What passes over one load took. */
export interface HealthResult extends Load {
  readonly costs: readonly Cost[];
}

export function plannedSeconds(pairs: number): number {
  return LOADS.length * pairs * PLANNED_S;
}

/** How long a pass of `lb reconcile` takes that checks everybody, and finds nothing to change. */
export async function measureHealth(pairs: number, progress: Progress): Promise<HealthResult[]> {
  return await whileStanding(
    await buildSolo(SERIAL),
    async (solo) =>
      await whileStanding(await serve(solo), async () => {
        const costs = new Map(LOADS.map((load) => [load, [] as Cost[]]));
        for (const [round, order] of abbaRounds(LOADS, pairs).entries()) {
          for (const load of order) costs.get(load)!.push(await onePass(solo, load));
          progress.step(plannedSeconds(pairs) / pairs, `health ${round + 1}/${pairs}`);
        }
        return LOADS.map((load) => ({ ...load, costs: costs.get(load)! }));
      }),
  );
}

/** A server that answers at every address, and a port where nobody does. */
async function serve(solo: Solo): Promise<{ close(): Promise<void> }> {
  const must = (...words: readonly string[]) => mustRun(process, solo.inside(...words));
  await must("ip", "route", "add", "local", BACKEND_NETWORK, "dev", "lo");
  await must("nft", SILENCE);
  const script = new URL("./health_server_inside.ts", import.meta.url).pathname;
  const [program = "", ...args] = solo.inside(
    Deno.execPath(),
    "run",
    "-A",
    "-q",
    script,
    `${PORT}`,
  );
  const child = new Deno.Command(program, { args, stdout: "piped" }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async close() {
      await reader.cancel();
      child.kill("SIGTERM");
      await child.status;
    },
  };
}

/** An apply has looked at them once; what is measured begins with a record of everybody. */
async function onePass(solo: Solo, load: Load): Promise<Cost> {
  await process.run(["rm", "-rf", "--", solo.path("state"), solo.path("run")]);
  await measureCommand(solo.inside("nft", "add table inet lb; delete table inet lb"));
  solo.writeConfig(configOf(load));
  // Who hangs needs attention.
  const codes = load.hanging > 0 ? [1] : [0];
  await measureCommand(solo.lb(LB, "apply"), {}, codes);
  return await measureCommand(solo.lb(LB, "reconcile"), {}, codes);
}

function configOf({ type, hanging }: Load): string {
  const tables = Array.from({ length: CHECKED_BACKENDS }, (_, index) => `
[[service.backend]]
address = "198.19.${(index + 1) >> 8}.${(index + 1) & 255}"
port = ${index < hanging ? SILENT_PORT : PORT}
`);
  return `[[service]]
name = "checked"
vip = ["${VIP}"]
vip_on = "none"
ports = [80]
[service.health]
type = "${type}"
timeout = "${TIMEOUT_MS}ms"
${tables.join("")}`;
}
