import type { Scheduler } from "../../model/service.ts";
import { followsMeasure } from "../../scheduler/load.ts";
import { SVC_F_SCHED_FALLBACK, SVC_F_SCHED_PORT } from "../../netlink/ipvs/protocol.ts";

/** A scheduler of the kernel's: module `ip_vs_NAME`. */
export interface IpvsScheduler {
  readonly name: string;
  readonly flags: number;
}

/**
 * What lb's schedulers are in IPVS. Without the fallback a hash that leads to a backend which takes no more
 * refuses the client (ip_vs_sh_get(), ip_vs_mh_get()); the port makes it one choice per connection, as lb's
 * maglev is.
 */
const SCHEDULERS: Partial<Record<Scheduler, IpvsScheduler>> = {
  rr: { name: "rr", flags: 0 },
  wrr: { name: "wrr", flags: 0 },
  lc: { name: "lc", flags: 0 },
  wlc: { name: "wlc", flags: 0 },
  sed: { name: "sed", flags: 0 },
  nq: { name: "nq", flags: 0 },
  sh: { name: "sh", flags: SVC_F_SCHED_FALLBACK },
  // What is measured of backends, the kernel is told by weights.
  lr: { name: "wrr", flags: 0 },
  cpu: { name: "wrr", flags: 0 },
  maglev: { name: "mh", flags: SVC_F_SCHED_FALLBACK | SVC_F_SCHED_PORT },
};

/** Slots of ip_vs_sh's table: 2^8, as every distribution builds it (CONFIG_IP_VS_SH_TAB_BITS). */
export const SH_SLOTS = 256;

/**
 * The weights a scheduler is given. `sh` deals its 256 slots out to one backend after the other, each
 * as many in a row as its weight says (ip_vs_sh_reassign()): 300 and 100 would leave the second none. So it
 * gets the same shares in numbers whose sum fits. `lr` and `cpu` get theirs in small whole numbers. Pure.
 */
export function kernelWeights(scheduler: Scheduler, weights: readonly number[]): readonly number[] {
  if (followsMeasure(scheduler)) return wholeWeights(weights);
  if (scheduler !== "sh") return weights;
  const divisor = weights.reduce(greatestCommonDivisor, 0) || 1;
  const reduced = weights.map((weight) => weight / divisor);
  return sum(reduced) <= SH_SLOTS ? reduced : dealt(reduced);
}

/** Of the smallest weight: shares are right to a few per cent … */
const WEIGHT_MIN = 15;

/** … and of the largest: wrr of IPVS serves the heavy ones in rows as long as they are heavier. */
const WEIGHT_MAX = 240;

/** Weights that follow what is measured are no whole numbers, and the kernel takes no others. */
function wholeWeights(weights: readonly number[]): readonly number[] {
  const serving = weights.filter((weight) => weight > 0);
  const scale = Math.min(WEIGHT_MIN / Math.min(...serving), WEIGHT_MAX / Math.max(...serving));
  return weights.map((weight) => weight === 0 ? 0 : Math.max(1, Math.round(weight * scale)));
}

/** All slots: one to each that has a weight, the others by weight, the last ones to the largest remainders. */
function dealt(weights: readonly number[]): readonly number[] {
  const rest = SH_SLOTS - weights.filter((weight) => weight > 0).length;
  const total = sum(weights);
  const shares = weights.map((weight) => weight * rest / total);
  const slots = shares.map((share) => share && 1 + Math.floor(share));
  const byRemainder = [...shares.keys()].filter((index) => shares[index]! > 0)
    .sort((a, b) => shares[b]! % 1 - shares[a]! % 1);
  for (const index of byRemainder.slice(0, Math.max(0, SH_SLOTS - sum(slots)))) slots[index]!++;
  return slots;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** undefined where IPVS has nothing like it. */
export function ipvsScheduler(scheduler: Scheduler): IpvsScheduler | undefined {
  return SCHEDULERS[scheduler];
}
