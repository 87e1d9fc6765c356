import { buildTrafficLab } from "../lab.ts";
import type { Options } from "../options.ts";
import type { Programs } from "../programs.ts";
import type { Progress } from "../progress.ts";
import { whileStanding } from "../standing.ts";
import {
  type EnduranceResult,
  measureEndurance,
  plannedSeconds as enduranceSeconds,
} from "./endure.ts";
import { measureQueue, plannedSeconds as queueSeconds, type QueueResult } from "./measure.ts";

/** What the sections of queues have found; undefined where they were not asked for, or failed. */
export interface QueueSections {
  readonly queue?: QueueResult;
  readonly endurance?: EnduranceResult;
}

/** Whether there is something to measure that takes a lab. nfqlb is not in Debian: its path has to be given. */
export function needsLab({ sections, nfqlb }: Options): boolean {
  return sections.includes("endurance") || sections.includes("queue") && nfqlb !== "";
}

/** What `measureQueues` takes, seconds. */
export function plannedSeconds(options: Options): number {
  const { sections, nfqlb, pairs, seconds } = options;
  return (sections.includes("queue") && nfqlb ? queueSeconds(pairs, seconds) : 0) +
    (sections.includes("endurance") ? enduranceSeconds(options) : 0);
}

/** A section that fails is left out. @param programs where {@linkcode needsLab} */
export async function measureQueues(
  programs: Programs | undefined,
  options: Options,
  progress: Progress,
  skipped: string[],
): Promise<QueueSections> {
  const { sections, nfqlb } = options;
  if (sections.includes("queue") && nfqlb === "") {
    skipped.push("queue: no nfqlb: give its path by --nfqlb");
  }
  if (!programs || !needsLab(options)) return {};
  const lab = await buildTrafficLab(programs);
  return await whileStanding(lab, async () => {
    const attempt = async <Result>(name: string, work: () => Promise<Result>) => {
      try {
        return await work();
      } catch (error) {
        skipped.push(`${name}: ${error instanceof Error ? error.message : error}`);
        progress.say(skipped.at(-1)!);
        return undefined;
      }
    };
    return {
      queue: sections.includes("queue") && nfqlb !== ""
        ? await attempt("queue", () => measureQueue(lab, nfqlb, options, progress))
        : undefined,
      endurance: sections.includes("endurance")
        ? await attempt("endurance", () => measureEndurance(lab, options, progress))
        : undefined,
    };
  });
}
