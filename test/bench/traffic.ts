import { type Contender, DIRECT } from "./contenders.ts";
import { figure } from "./figure.ts";
import type { TrafficLab } from "./lab.ts";
import type { Load, Sample } from "./load.ts";
import { abbaRounds } from "./order.ts";
import type { Progress } from "./progress.ts";

/** Samples of every contender, in the order of the rounds: the same index is the same pair. */
export interface TrafficResult {
  readonly load: Load;
  readonly samples: ReadonlyMap<string, readonly Sample[]>;
  /** Contenders that could not be measured, and why. */
  readonly skipped: ReadonlyMap<string, string>;
}

/** Beside the measurement itself: setting up, warming up, flushing. */
const SET_UP_S = 1.5;

/** What `measureTraffic` takes, seconds. */
export function plannedSeconds(contenders: number, pairs: number, seconds: number): number {
  return contenders * pairs * (seconds + SET_UP_S);
}

/** All contenders, one after the other, forth and back. One that fails is left out from then on. */
export async function measureTraffic(
  lab: TrafficLab,
  load: Load,
  contenders: readonly Contender[],
  options: { readonly pairs: number; readonly seconds: number },
  progress: Progress,
): Promise<TrafficResult> {
  const samples = new Map<string, Sample[]>();
  const skipped = new Map<string, string>();
  for (const { name, needs } of contenders) {
    const reason = needs.map((need) => lab.programs.missing(need)).find((why) => why);
    if (reason) skipped.set(name, reason);
    else samples.set(name, []);
  }
  for (const [round, order] of abbaRounds(contenders, options.pairs).entries()) {
    for (const contender of order) {
      const { name } = contender;
      if (skipped.has(name)) continue;
      try {
        const sample = await measureOne(lab, load, contender, options.seconds);
        samples.get(name)!.push(sample);
        const rate = figure(sample.amount / sample.seconds / load.per.amount);
        const text = `${load.name} ${round + 1}/${options.pairs} ${name}: ${rate} ${load.per.unit}`;
        progress.step(options.seconds + SET_UP_S, text);
      } catch (error) {
        // Without the direct route there is nothing to compare with.
        if (name === DIRECT) throw error;
        skipped.set(name, error instanceof Error ? error.message : String(error));
        samples.delete(name);
        progress.say(`${name} is left out: ${skipped.get(name)}`);
      }
    }
  }
  return { load, samples, skipped };
}

async function measureOne(lab: TrafficLab, load: Load, contender: Contender, seconds: number) {
  await lab.reset();
  const running = await contender.start(lab);
  try {
    return await load.measure(lab, running, seconds);
  } finally {
    await running.stop();
  }
}
