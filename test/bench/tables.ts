import type { ApplyResult, StepResult } from "./apply.ts";
import { checks } from "./checks.ts";
import type { Cost } from "./command.ts";
import { bottleneck, type CpuUse } from "./cpu.ts";
import { figure } from "./figure.ts";
import { CHECKED_BACKENDS, type HealthResult, TIMEOUT_MS } from "./health.ts";
import type { GuestResult } from "./ipvs/guest.ts";
import { IPVS_BACKENDS, IPVS_SERVICES } from "./ipvs/result.ts";
import type { Sample } from "./load.ts";
import { type Results, type Standing, standings } from "./results.ts";
import { BACKENDS_PER_SERVICE } from "./services.ts";
import type { LiveResult } from "./live.ts";
import { STARTUP_SERVICES, type StartupResult } from "./startup.ts";
import { LOOKED_AT_SERVICES, type StatusResult } from "./status.ts";
import { enduranceTable, queueTables } from "./queue/tables.ts";
import { ratioSpread, spread } from "./statistics.ts";
import { ranged, ratio, type Table } from "./table.ts";
import type { TrafficResult } from "./traffic.ts";

/** All tables of a run, in the order of the page. Pure. */
export function tables(results: Results): Table[] {
  const goals = checks(results);
  return [
    ...goals.length > 0 ? [goalTable(goals)] : [],
    ...results.traffic.flatMap((one) => [trafficTable(one), useTable(one)]),
    ...results.apply.map(applyTable),
    ...results.startup.length > 0 ? [startupTable(results.startup)] : [],
    ...results.status.length > 0 ? [statusTable(results.status)] : [],
    ...results.health.length > 0 ? [healthTable(results.health)] : [],
    ...results.live.length > 0 ? [liveTable(results.live)] : [],
    ...results.ipvs.length > 0 ? [ipvsTable(results.ipvs)] : [],
    ...results.queue ? queueTables(results.queue) : [],
    ...results.endurance ? [enduranceTable(results.endurance)] : [],
  ];
}

function goalTable(goals: ReturnType<typeof checks>): Table {
  return {
    title: "Goals",
    text: "Medians.",
    head: ["what", "goal", "measured", ""],
    rows: goals.map(({ what, goal, measured, ok }) => [what, goal, measured, ok ? "ok" : "missed"]),
  };
}

function trafficTable(result: TrafficResult): Table {
  const { unit, cost } = result.load.per;
  return {
    title: result.load.title,
    text:
      "Median (lowest–highest); ratios and differences are those of pairs. CPU is what all cores " +
      "together were busy, clients and backends included; added is what comes on top of the direct route.",
    head: ["", unit, "of direct", "of nft-map", `CPU, ${cost}`, `added, ${cost}`, "of nginx's"],
    rows: standings(result).map((standing) => trafficRow(standing)),
  };
}

function trafficRow(standing: Standing): string[] {
  const { name, rate, of_direct, of_map, cost, added, of_nginx_added, errors } = standing;
  return [
    errors > 0 ? `${name} (${errors} errors)` : name,
    ranged(rate, figure),
    ranged(of_direct, ratio),
    of_map ? ranged(of_map, ratio) : "",
    ranged(cost, figure),
    ranged(added, figure),
    of_nginx_added ? ranged(of_nginx_added, ratio) : "",
  ];
}

/** Who had the processors: where the bottleneck is. */
function useTable({ load, samples }: TrafficResult): Table {
  return {
    title: `${load.title}: where the bottleneck is`,
    text:
      "Share of all cores. What the kernel does for a packet is counted where it happens to run, " +
      "mostly in the client and the backends; the rest is its own threads and other work.",
    head: ["", "client", "backends", "balancer", "rest", "idle", "steal", "limited by"],
    rows: [...samples].map(([name, all]) => useRow(name, all)),
  };
}

function useRow(name: string, samples: readonly Sample[]): string[] {
  const use = samples.map(({ cpu }) => cpu).reduce(addUse);
  const all_s = use.busy_s + use.idle_s + use.steal_s;
  const rest_s = use.busy_s - use.client_s - use.backends_s - use.balancer_s;
  const seconds = samples.reduce((sum, sample) => sum + sample.seconds, 0);
  const parts = [use.client_s, use.backends_s, use.balancer_s, rest_s, use.idle_s, use.steal_s];
  const shares = parts.map((part_s) => `${Math.round(Math.max(0, part_s) / all_s * 100)} %`);
  return [name, ...shares, bottleneck(use, seconds)];
}

function addUse(sum: CpuUse, use: CpuUse): CpuUse {
  return {
    busy_s: sum.busy_s + use.busy_s,
    idle_s: sum.idle_s + use.idle_s,
    steal_s: sum.steal_s + use.steal_s,
    client_s: sum.client_s + use.client_s,
    backends_s: sum.backends_s + use.backends_s,
    balancer_s: sum.balancer_s + use.balancer_s,
  };
}

function applyTable({ services, config_bytes, script_bytes, steps }: ApplyResult): Table {
  const rounds = steps[0]!.lb.length;
  return {
    title: `lb apply at ${services} services of ${BACKENDS_PER_SERVICE} backends`,
    text: `${megabytes(config_bytes)} of lb.toml, ${megabytes(script_bytes)} of nft; ${rounds} ` +
      `rounds. Whole commands, process start included; nft -f runs the same transaction alone.`,
    head: ["", "lb, ms", "nft -f, ms", "ratio", "peak of lb", "of its nft", "of nft -f"],
    rows: steps.map(stepRow),
  };
}

function stepRow({ name, lb, nft }: StepResult): string[] {
  const ms = (costs: readonly Cost[]) => costs.map((cost) => cost.ms);
  const compared = nft.length > 0;
  return [
    name,
    ranged(spread(ms(lb)), figure),
    compared ? ranged(spread(ms(nft)), figure) : "",
    compared ? ranged(ratioSpread(ms(lb), ms(nft)), ratio) : "",
    peak(lb.map((cost) => cost.peak_bytes)),
    peak(lb.map((cost) => cost.nft_peak_bytes)),
    peak(nft.map((cost) => cost.peak_bytes)),
  ];
}

function startupTable(results: readonly StartupResult[]): Table {
  const text =
    "Cold: no file of it in memory, as after a boot. Source: this checkout run by deno; " +
    `built: dist/lb. ${STARTUP_SERVICES} services are applied and nothing is to be done.`;
  return {
    title: "Start-up",
    text,
    head: ["", "from", "", "ms", "peak"],
    rows: results.map(({ command, form, warmth, costs }) => [
      command,
      form,
      warmth,
      ranged(spread(costs.map(({ ms }) => ms)), figure),
      peak(costs.map((cost) => cost.peak_bytes)),
    ]),
  };
}

function statusTable(results: readonly StatusResult[]): Table {
  return {
    title: `A look at ${LOOKED_AT_SERVICES} services of ${BACKENDS_PER_SERVICE} backends`,
    text: "Nothing is to be done. Whole commands, process start included, all files in memory.",
    head: ["", "from", "ms", "peak"],
    rows: results.map(({ command, form, costs }) => [
      command,
      form,
      ranged(spread(costs.map(({ ms }) => ms)), figure),
      peak(costs.map((cost) => cost.peak_bytes)),
    ]),
  };
}

function healthTable(results: readonly HealthResult[]): Table {
  return {
    title: `A pass of lb reconcile over ${CHECKED_BACKENDS} backends`,
    text: "All of them checked, nothing to change; time-out of a check " +
      `${TIMEOUT_MS / 1000} s. Whole commands, process start included.`,
    head: ["", "ms", "peak"],
    rows: results.map(({ name, costs }) => [
      name,
      ranged(spread(costs.map(({ ms }) => ms)), figure),
      peak(costs.map((cost) => cost.peak_bytes)),
    ]),
  };
}

function ipvsTable(results: readonly GuestResult[]): Table {
  return {
    title: "IPVS: lb beside ipvsadm",
    text:
      `In guests, whose figures are those of an emulated or hosted processor. Connections as above; ` +
      `${IPVS_SERVICES} services of ${IPVS_BACKENDS} backends are applied by lb, and restored by ` +
      "ipvsadm -R, into an empty IPVS: whole commands, process start included.",
    head: ["", "", "lb", "ipvsadm", "ratio"],
    rows: results.flatMap(({ machine, kernel, connections, apply }) => [
      [`${machine}, ${kernel}`, "connections/s", ...compared(connections.lb, connections.ipvsadm)],
      ["", "first apply, ms", ...compared(apply.lb, apply.ipvsadm)],
      ["", "no change, ms", ranged(spread(apply.unchanged), figure), "", ""],
    ]),
  };
}

function compared(lb: readonly number[], other: readonly number[]): string[] {
  return [
    ranged(spread(lb), figure),
    ranged(spread(other), figure),
    ranged(ratioSpread(lb, other), ratio),
  ];
}

/** The highest that was seen; what ended before anyone looked has none. */
function peak(bytes: readonly (number | undefined)[]): string {
  const seen = bytes.filter((value) => value !== undefined);
  return seen.length > 0 ? megabytes(Math.max(...seen)) : "";
}

function megabytes(bytes: number): string {
  return `${figure(bytes / 1e6)} MB`;
}

function liveTable(results: readonly LiveResult[]): Table {
  return {
    title: "The live screen of lb status",
    text:
      "80 columns and 24 rows, five backends to a service. First frame: from the start of the process. CPU " +
      "of a core and memory (VmHWM) while it is watched for twelve seconds and no key is pressed.",
    head: ["", "from", "first frame, ms", "CPU", "peak"],
    rows: results.map(({ backends, form, first_ms, core_share, peak_bytes }) => [
      `${backends} backends`,
      form,
      ranged(spread(first_ms), figure),
      `${(core_share * 100).toFixed(1)} %`,
      peak([peak_bytes]),
    ]),
  };
}
