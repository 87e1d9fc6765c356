import { queueAll, queueNoMore, sendHostile } from "../../kernel/hostile_rig.ts";
import type { TrafficLab } from "../lab.ts";
import type { Progress } from "../progress.ts";
import { flood } from "./flood.ts";
import { layOutRules, QUEUE, stopBehind, takeAwayRules } from "./rules.ts";
import { endWorker, startPlainWorker, workerStatus } from "./worker.ts";

/** How long the worker is to hold out. */
export interface EnduranceSpec {
  readonly verdicts: number;
  readonly hostile: number;
}

/** Resident memory of the worker's two processes after so many verdicts. */
export interface MemorySample {
  readonly verdicts: number;
  readonly supervisor_bytes: number;
  readonly worker_bytes: number;
}

/** What became of the worker. */
export interface EnduranceResult {
  /** The first behind a warm-up. */
  readonly memory: readonly MemorySample[];
  readonly seed: number;
  /** Hostile packets sent, and how many of them came before the worker. */
  readonly hostile: number;
  readonly hostile_seen: number;
  /** How often it had to be started anew, and what had to be given to the kernel meanwhile. */
  readonly restarts: number;
  readonly released: number;
}

/** Compilers and heaps have come to rest by then. */
const WARM_UP_SECONDS = 20;
const CHUNK_SECONDS = 10;
const CHUNKS_MAX = 60;

/** The worker tells of itself four times a second. */
const SETTLE_MS = 700;

/** SYNs and hostile packets per second, about. */
const PER_SECOND = 60_000;
const HOSTILE_PER_SECOND = 15_000;

/** What `measureEndurance` takes, seconds. */
export function plannedSeconds({ verdicts, hostile }: EnduranceSpec): number {
  return WARM_UP_SECONDS + verdicts / PER_SECOND + hostile / HOSTILE_PER_SECOND;
}

/** The real worker, its choices by live counts. @throws {Error} where it does not come through */
export async function measureEndurance(
  lab: TrafficLab,
  spec: EnduranceSpec,
  progress: Progress,
): Promise<EnduranceResult> {
  await lab.reset();
  await layOutRules(lab);
  await stopBehind(lab);
  try {
    await startPlainWorker(lab, "wlc");
    const memory = await floodUntil(lab, spec.verdicts, progress);
    const end = await sendMutated(lab, spec.hostile);
    progress.step(spec.hostile / HOSTILE_PER_SECOND, `${spec.hostile} hostile packets`);
    const { restarts, released } = await workerStatus(lab);
    return { memory, ...end, restarts, released };
  } finally {
    await endWorker(lab);
    await takeAwayRules(lab);
  }
}

async function floodUntil(
  lab: TrafficLab,
  verdicts: number,
  progress: Progress,
): Promise<MemorySample[]> {
  await flood(lab, { seconds: WARM_UP_SECONDS, per_second: 0 });
  const samples = [await memoryNow(lab)];
  const first = samples[0]!.verdicts;
  for (let chunk = 0; chunk < CHUNKS_MAX && samples.at(-1)!.verdicts < first + verdicts; chunk++) {
    await flood(lab, { seconds: CHUNK_SECONDS, per_second: 0 });
    const now = await memoryNow(lab);
    samples.push(now);
    progress.step(
      CHUNK_SECONDS,
      `${now.verdicts} verdicts: ${Math.round(now.worker_bytes / 1e6)} MB`,
    );
  }
  return samples;
}

async function memoryNow(lab: TrafficLab): Promise<MemorySample> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const { pid, worker_pid, seen } = await workerStatus(lab);
  const [supervisor_bytes, worker_bytes] = [pid, worker_pid].map(residentBytes) as [number, number];
  return { verdicts: seen, supervisor_bytes, worker_bytes };
}

function residentBytes(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/smaps_rollup`);
  return Number(/^Rss:\s*(\d+) kB/m.exec(text)?.[1]) * 1024;
}

async function sendMutated(lab: TrafficLab, hostile: number) {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  const before = (await workerStatus(lab)).seen;
  await queueAll(lab.topology, [QUEUE, QUEUE]);
  await sendHostile(lab.topology, { packets: hostile, seed });
  await queueNoMore(lab.topology, [QUEUE, QUEUE]);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return { seed, hostile, hostile_seen: (await workerStatus(lab)).seen - before };
}
