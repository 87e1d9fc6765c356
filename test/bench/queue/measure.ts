import type { Contender, Running } from "../contenders.ts";
import { figure } from "../figure.ts";
import type { TrafficLab } from "../lab.ts";
import { CONNECTION_LOAD, type Sample } from "../load.ts";
import { abbaRounds } from "../order.ts";
import type { Progress } from "../progress.ts";
import { queueContenders } from "./contenders.ts";
import { type FloodSample, measureFlood, WARM_UP_S } from "./flood.ts";

/** Samples of each contender by its name: the same index is the same round. */
export type Samples<Kind> = ReadonlyMap<string, readonly Kind[]>;

/** Programs that choose by a queue, side by side. */
export interface QueueResult {
  /** A closed loop of whole connections. */
  readonly connections: Samples<Sample>;
  /** SYNs at {@linkcode STEADY_PER_SECOND}: each wakes the program up. */
  readonly steady: Samples<FloodSample>;
  /** As many SYNs as one core can send. */
  readonly flood: Samples<FloodSample>;
}

/** Few enough for every program, and for the set in which lb's rules keep what was queued within 3 s. */
export const STEADY_PER_SECOND = 10_000;

const FLOOD_SECONDS = 4;
const SET_UP_S = 4;

/** A way to measure, and what it says of a sample while others are awaited. */
interface Method<Kind> {
  readonly name: string;
  readonly seconds: number;
  measure(lab: TrafficLab, running: Running): Promise<Kind>;
  tell(sample: Kind): string;
}

/** What `measureQueue` takes, seconds. */
export function plannedSeconds(pairs: number, seconds: number): number {
  return 3 * pairs * (seconds + 2 * (WARM_UP_S + FLOOD_SECONDS) + 3 * SET_UP_S);
}

/** All of them, forth and back. @param nfqlb where its program is. @throws {Error} where one fails */
export async function measureQueue(
  lab: TrafficLab,
  nfqlb: string,
  { pairs, seconds }: { readonly pairs: number; readonly seconds: number },
  progress: Progress,
): Promise<QueueResult> {
  const contenders = queueContenders(nfqlb);
  const all = <Kind>(method: Method<Kind>) => measureAll(lab, contenders, pairs, method, progress);
  return {
    connections: await all(connections(seconds)),
    steady: await all(floodOf("SYNs at a steady rate", STEADY_PER_SECOND)),
    flood: await all(floodOf("SYNs", 0)),
  };
}

function connections(seconds: number): Method<Sample> {
  return {
    name: "connections by queue",
    seconds,
    measure: (lab, running) => CONNECTION_LOAD.measure(lab, running, seconds),
    tell: ({ amount, seconds, cpu }) =>
      `${figure(amount / seconds)}/s, ${figure(cpu.balancer_s / amount * 1e6)} µs each`,
  };
}

function floodOf(name: string, per_second: number): Method<FloodSample> {
  return {
    name,
    seconds: WARM_UP_S + FLOOD_SECONDS,
    measure: (lab, running) => measureFlood(lab, running, { seconds: FLOOD_SECONDS, per_second }),
    tell: ({ answered, seconds, cpu_s }) =>
      `${figure(answered / seconds)}/s, ${figure(cpu_s / answered * 1e6)} µs each`,
  };
}

async function measureAll<Kind>(
  lab: TrafficLab,
  contenders: readonly Contender[],
  pairs: number,
  { name: what, seconds, measure, tell }: Method<Kind>,
  progress: Progress,
): Promise<Samples<Kind>> {
  const samples = new Map(contenders.map(({ name }) => [name, [] as Kind[]]));
  for (const [round, order] of abbaRounds(contenders, pairs).entries()) {
    for (const contender of order) {
      const sample = await whileRunning(lab, contender, (running) => measure(lab, running));
      samples.get(contender.name)!.push(sample);
      const text = `${what} ${round + 1}/${pairs} ${contender.name}: ${tell(sample)}`;
      progress.step(seconds + SET_UP_S, text);
    }
  }
  return samples;
}

async function whileRunning<Result>(
  lab: TrafficLab,
  contender: Contender,
  work: (running: Running) => Promise<Result>,
): Promise<Result> {
  await lab.reset();
  const running = await contender.start(lab);
  try {
    return await work(running);
  } finally {
    await running.stop();
  }
}
