import type { ApplyResult } from "./apply.ts";
import { DIRECT, MAP, NGINX } from "./contenders.ts";
import type { HealthResult } from "./health.ts";
import type { GuestResult } from "./ipvs/guest.ts";
import type { LiveResult } from "./live.ts";
import type { Load, Sample } from "./load.ts";
import type { Machine } from "./machine.ts";
import type { Options } from "./options.ts";
import type { QueueSections } from "./queue/sections.ts";
import type { StartupResult } from "./startup.ts";
import type { StatusResult } from "./status.ts";
import { differenceSpread, ratioSpread, type Spread, spread } from "./statistics.ts";
import type { TrafficResult } from "./traffic.ts";

/** All that one run has measured; what was not asked for is undefined or empty. */
export interface Results extends QueueSections {
  readonly machine: Machine;
  readonly options: Options;
  readonly traffic: readonly TrafficResult[];
  readonly apply: readonly ApplyResult[];
  readonly startup: readonly StartupResult[];
  readonly status: readonly StatusResult[];
  readonly health: readonly HealthResult[];
  readonly live: readonly LiveResult[];
  /** By guest. */
  readonly ipvs: readonly GuestResult[];
  /** Whatever could not be measured, and why. */
  readonly skipped: readonly string[];
}

/** One contender under one load, in comparison. */
export interface Standing {
  readonly name: string;
  /** In the load's unit, per second. */
  readonly rate: Spread;
  /** Busy time of all cores, µs (connections) or ms (GiB). */
  readonly cost: Spread;
  /** Rate as a part of the direct route's, and of the hand-written map's. */
  readonly of_direct: Spread;
  readonly of_map?: Spread;
  /** What is added to the direct route's cost, and what that is as a part of nginx stream's. */
  readonly added: Spread;
  readonly of_nginx_added?: Spread;
  readonly errors: number;
}

/** Everything a table or a check wants to know of one load. Pure. */
export function standings({ load, samples }: TrafficResult): Standing[] {
  const rates = mapValues(samples, (sample) => rateOf(load, sample));
  const costs = mapValues(samples, (sample) => costOf(load, sample));
  const added = (name: string) =>
    costs.get(name)!.map((cost, index) => cost - costs.get(DIRECT)![index]!);
  return [...samples.keys()].map((name) => ({
    name,
    rate: spread(rates.get(name)!),
    cost: spread(costs.get(name)!),
    of_direct: ratioSpread(rates.get(name)!, rates.get(DIRECT)!),
    of_map: samples.has(MAP) ? ratioSpread(rates.get(name)!, rates.get(MAP)!) : undefined,
    added: differenceSpread(costs.get(name)!, costs.get(DIRECT)!),
    of_nginx_added: samples.has(NGINX) ? ratioSpread(added(name), added(NGINX)) : undefined,
    errors: samples.get(name)!.reduce((sum, { errors }) => sum + errors, 0),
  }));
}

function rateOf({ per }: Load, { amount, seconds }: Sample): number {
  return amount / seconds / per.amount;
}

function costOf({ per }: Load, { amount, cpu }: Sample): number {
  return cpu.busy_s / (amount / per.amount) * per.cost_per_second;
}

function mapValues<T, U>(map: ReadonlyMap<string, readonly T[]>, convert: (value: T) => U) {
  return new Map([...map].map(([key, values]) => [key, values.map(convert)]));
}
