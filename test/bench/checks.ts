import { type ApplyResult, EDITED_FILE, FIRST_APPLY, NO_CHANGE, SCALED } from "./apply.ts";
import type { Cost } from "./command.ts";
import type { Check } from "./check.ts";
import { LB_DR, LB_NAT } from "./contenders.ts";
import { CHECKED_BACKENDS, type HealthResult, TIMEOUT_MS } from "./health.ts";
import type { GuestResult } from "./ipvs/guest.ts";
import { IPVS_SERVICES } from "./ipvs/result.ts";
import { liveChecks } from "./live.ts";
import { enduranceChecks, queueChecks } from "./queue/checks.ts";
import { JSON_LOOK, LOOK_MS_MAX, LOOKED_AT_SERVICES, type StatusResult } from "./status.ts";
import { type Results, type Standing, standings } from "./results.ts";
import { median, ratioSpread } from "./statistics.ts";

/** The size the goals of apply are for. */
const LARGE = 10_000;
const MB = 1e6;

/** Goals that contenders have to reach under the load of connections. */
const CONNECTION_GOALS: readonly {
  readonly name: string;
  readonly what: string;
  readonly goal: string;
  readonly value: (standing: Standing) => number | undefined;
  readonly reached: (value: number) => boolean;
}[] = [
  {
    name: LB_NAT,
    what: "connections/s of lb-nat as a part of the hand-written map's",
    goal: "≥ 0.97",
    value: ({ of_map }) => of_map?.median,
    reached: (value) => value >= 0.97,
  },
  {
    name: LB_DR,
    what: "connections/s of lb-dr as a part of the direct route's",
    goal: "≥ 0.98",
    value: ({ of_direct }) => of_direct.median,
    reached: (value) => value >= 0.98,
  },
  {
    name: LB_NAT,
    what: "added CPU per connection of lb-nat as a part of nginx stream's",
    goal: "≤ 0.5",
    value: ({ of_nginx_added }) => of_nginx_added?.median,
    reached: (value) => value <= 0.5,
  },
];

/** The goals that this run has measured. Pure. */
export function checks(results: Results): Check[] {
  const { options, traffic, apply, status, health, live, ipvs, queue, endurance } = results;
  const connections = traffic.find(({ load }) => load.name === "connections");
  const large = apply.find(({ services }) => services === LARGE);
  return [
    ...connections ? connectionChecks(standings(connections)) : [],
    ...large ? applyChecks(large) : [],
    ...!large && options.sections.includes("apply") && options.services.includes(LARGE)
      ? [{ what: `apply of ${LARGE} services`, goal: "ends", measured: "not measured", ok: false }]
      : [],
    ...status.filter(({ command }) => command === JSON_LOOK).map(statusCheck),
    ...health.flatMap(healthChecks),
    ...live.flatMap(liveChecks),
    ...ipvs.flatMap(ipvsChecks),
    ...queue ? queueChecks(queue) : [],
    ...endurance ? enduranceChecks(endurance) : [],
  ];
}

function ipvsChecks({ machine, connections, apply }: GuestResult): Check[] {
  const rate = ratioSpread(connections.lb, connections.ipvsadm).median;
  const time = ratioSpread(apply.lb, apply.ipvsadm).median;
  return [
    {
      what: `connections/s of lb's IPVS as a part of ipvsadm's, ${machine}`,
      goal: "≥ 0.98",
      measured: rate.toFixed(3),
      ok: rate >= 0.98,
    },
    {
      what: `apply of ${IPVS_SERVICES} IPVS services as a multiple of ipvsadm -R, ${machine}`,
      goal: "< 2",
      measured: time.toFixed(2),
      ok: time < 2,
    },
  ];
}

function connectionChecks(all: readonly Standing[]): Check[] {
  return CONNECTION_GOALS.flatMap(({ name, what, goal, value, reached }) => {
    const standing = all.find((one) => one.name === name);
    const measured = standing && value(standing);
    if (measured === undefined) return [];
    return [{ what, goal, measured: measured.toFixed(3), ok: reached(measured) }];
  });
}

function applyChecks({ steps }: ApplyResult): Check[] {
  const step = (name: string) => steps.find((one) => one.name === name)!;
  const ms = (costs: readonly Cost[]) => costs.map((cost) => cost.ms);
  const first = step(FIRST_APPLY);
  const ratio = ratioSpread(ms(first.lb), ms(first.nft)).median;
  const peak_bytes = Math.max(...steps.flatMap(({ lb }) => lb.map((cost) => cost.peak_bytes ?? 0)));
  return [
    {
      what: `first apply of ${LARGE} services as a multiple of nft -f`,
      goal: "≤ 1.5",
      measured: ratio.toFixed(2),
      ok: ratio <= 1.5,
    },
    ...[SCALED, EDITED_FILE].map((name) => timeCheck(name, median(ms(step(name).lb)), 1000)),
    timeCheck(NO_CHANGE, median(ms(step(NO_CHANGE).lb)), 150),
    {
      what: `lb's own peak memory at ${LARGE} services`,
      goal: "≤ 300 MB",
      measured: `${Math.round(peak_bytes / MB)} MB`,
      ok: peak_bytes <= 300 * MB,
    },
  ];
}

function timeCheck(name: string, ms: number, max_ms: number): Check {
  return {
    what: `${name} at ${LARGE} services`,
    goal: `≤ ${max_ms} ms`,
    measured: `${Math.round(ms)} ms`,
    ok: ms <= max_ms,
  };
}

function statusCheck({ command, form, costs }: StatusResult): Check {
  const ms = median(costs.map((cost) => cost.ms));
  return {
    what: `${command} of ${LOOKED_AT_SERVICES} services (${form})`,
    goal: `≤ ${LOOK_MS_MAX} ms`,
    measured: `${Math.round(ms)} ms`,
    ok: ms <= LOOK_MS_MAX,
  };
}

function healthChecks({ name, hanging, costs }: HealthResult): Check[] {
  const max_ms = 3_000 + (hanging > 0 ? TIMEOUT_MS : 0);
  const ms = median(costs.map((cost) => cost.ms));
  const peak_bytes = Math.max(...costs.map((cost) => cost.peak_bytes ?? 0));
  const what = `a pass over ${CHECKED_BACKENDS} backends (${name})`;
  return [
    { what, goal: `≤ ${max_ms} ms`, measured: `${Math.round(ms)} ms`, ok: ms <= max_ms },
    {
      what: `peak memory of ${what}`,
      goal: "≤ 150 MB",
      measured: `${Math.round(peak_bytes / MB)} MB`,
      ok: peak_bytes <= 150 * MB,
    },
  ];
}
