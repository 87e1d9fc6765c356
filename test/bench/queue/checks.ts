import type { Check } from "../check.ts";
import { LB_ON_ITS_RULES, LB_ON_OWN_RULES } from "./contenders.ts";
import type { EnduranceResult } from "./endure.ts";
import type { QueueResult, Samples } from "./measure.ts";
import { ofNfqlb, QUEUE_FIGURES } from "./tables.ts";

/** A part of nfqlb's figure, and which side of the bound is the good one. */
function check<Kind>(
  what: string,
  samples: Samples<Kind>,
  name: string,
  value: (sample: Kind) => number,
  [side, bound]: readonly ["≥" | "≤", number],
): Check {
  const { median } = ofNfqlb(samples, name, value);
  return {
    what: `${what} of ${name} as a part of nfqlb's`,
    goal: `${side} ${bound.toFixed(2)}`,
    measured: median.toFixed(3),
    ok: side === "≥" ? median >= bound : median <= bound,
  };
}

/** Pure. */
export function queueChecks({ connections, steady, flood }: QueueResult): Check[] {
  const { connectionRate, synCost } = QUEUE_FIGURES;
  return [
    check("connections/s", connections, LB_ON_ITS_RULES, connectionRate, ["≥", 1]),
    check("connections/s", connections, LB_ON_OWN_RULES, connectionRate, ["≥", 1.05]),
    check("CPU per SYN at a steady rate", steady, LB_ON_ITS_RULES, synCost, ["≤", 0.9]),
    check("CPU per SYN in a flood", flood, LB_ON_ITS_RULES, synCost, ["≤", 0.9]),
  ];
}

/** More than what is left of a heap's breathing, when only its lowest points are looked at. */
const GROWTH_MAX = 0.1;

/** The lowest point of the second half beside that of the first. Pure. */
export function enduranceChecks({ memory, hostile, restarts }: EnduranceResult): Check[] {
  const bytes = memory.map((one) => one.supervisor_bytes + one.worker_bytes);
  const middle = Math.ceil(bytes.length / 2);
  const [before, after] = [bytes.slice(0, middle), bytes.slice(middle)]
    .map((half) => Math.min(...half)) as [number, number];
  const verdicts = memory.at(-1)!.verdicts - memory[0]!.verdicts;
  return [
    {
      what: `growth of the worker's memory over ${verdicts} verdicts`,
      goal: `≤ ${GROWTH_MAX * 100} %`,
      measured: `${((after / before - 1) * 100).toFixed(1)} %`,
      ok: after <= before * (1 + GROWTH_MAX),
    },
    {
      what: `restarts of the worker by ${hostile} hostile packets`,
      goal: "0",
      measured: `${restarts}`,
      ok: restarts === 0,
    },
  ];
}
