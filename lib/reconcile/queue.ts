import { type QueueTable, queueTable } from "../engine/nfqueue/table.ts";
import { NFT_QUEUE } from "../engine/nft/queue/fill_queue.ts";
import {
  isWhole,
  observeRules,
  type QueueRules,
  type QueueRuleStep,
  ruleObject,
  ruleSteps,
  wantedRules,
  writeRules,
} from "../host/queue/rule.ts";
import {
  observeWorker,
  reloadWorker,
  startWorker,
  stopWorker,
  type WorkerView,
  writeTable,
} from "../host/worker/worker.ts";
import type { Change } from "../model/change.ts";
import { LbError } from "../model/error.ts";
import type { DesiredState } from "../model/state.ts";
import { workerPlaces, type WorkerStatus } from "../model/worker.ts";
import { WORKER } from "./outcome.ts";
import type { Machine, Run } from "./request.ts";

/** What is to be done about the worker. */
type WorkerOp = "start" | "reload" | "stop";

/** The queue worker, and what hands packets to it: what is to be done about them. */
export interface QueueStage {
  readonly rules: readonly QueueRuleStep[];
  readonly worker?: WorkerOp;
  /** What it is to choose by; undefined where no service is queued. */
  readonly table?: QueueTable;
  readonly changes: readonly Change[];
  /** What was in place before, and is not now. */
  readonly drift: readonly string[];
  /** What is in the way, and what the operator can do. */
  readonly blocked: readonly string[];
}

const NOTHING: QueueStage = { rules: [], changes: [], drift: [], blocked: [] };

/** What of it is here now. */
interface Seen {
  readonly rules: Awaited<ReturnType<typeof observeRules>>;
  readonly worker?: WorkerView;
  /** It was handed a table since this machine came up. */
  readonly wasInUse: boolean;
  /** What the rules were to be then; undefined where that cannot be told. */
  readonly before?: QueueRules;
}

/**
 * Observes and plans. Changes nothing.
 *
 * @param states of all engines
 * @throws {KernelError} where the kernel cannot be asked
 */
export async function planQueue(
  machine: Pick<Machine, "kernel" | "worker" | "version">,
  states: readonly DesiredState[],
): Promise<QueueStage> {
  return (await surveyQueue(machine, states)).stage;
}

/** What a look at the queue worker tells. */
export interface QueueSurvey {
  readonly stage: QueueStage;
  /** Undefined where none is in use. */
  readonly worker?: WorkerReport;
}

/** As {@linkcode planQueue}, with what is known of the worker. */
export async function surveyQueue(
  machine: Pick<Machine, "kernel" | "worker" | "version">,
  states: readonly DesiredState[],
): Promise<QueueSurvey> {
  const state = states.find(({ queues }) => queues);
  const table = state && queueTable(state);
  // The run folder may have been emptied meanwhile: whoever wants a rule, or all of them gone, looks at the rules.
  const mustLook = table !== undefined || states.every(({ services }) => services.length === 0);
  const seen = await observeQueue(machine, mustLook);
  if (!table && !seen) return { stage: NOTHING };
  const stage = stageOf(machine.version, state, table, seen);
  return seen?.wasInUse ? { stage, worker: reportOf(seen.worker) } : { stage };
}

/**
 * @param mustLook also where nothing in the run folder tells of a queue
 * @returns undefined where no service has been queued since this machine came up, and nothing tells of it
 */
async function observeQueue(
  { kernel, worker }: Pick<Machine, "kernel" | "worker">,
  mustLook = false,
): Promise<Seen | undefined> {
  const places = workerPlaces(kernel.runDir);
  const [wasInUse, wasStarted] = [places.table, places.pid]
    .map((path) => kernel.files.stat(path) !== undefined) as [boolean, boolean];
  if (!mustLook && !wasInUse && !wasStarted) return undefined;
  const [rules, view] = await Promise.all([observeRules(kernel), observeWorker(worker)]);
  return { rules, worker: view, wasInUse, before: rulesOf(kernel.files.read(places.table)) };
}

/** What hands packets to a worker that has this table: another mark_mask takes other rules. */
function rulesOf(text: string | undefined): QueueRules | undefined {
  if (text === undefined) return undefined;
  try {
    const { marks, queues } = JSON.parse(text) as QueueTable;
    return wantedRules(marks, queues);
  } catch {
    return undefined;
  }
}

/** Pure. */
function stageOf(
  version: string,
  state: DesiredState | undefined,
  table: QueueTable | undefined,
  { rules, worker, wasInUse, before }: Seen = { rules: new Map(), wasInUse: false },
): QueueStage {
  const isByMark = table !== undefined && state!.lacks.includes(NFT_QUEUE);
  const steps = ruleSteps(isByMark ? wantedRules(table.marks, table.queues) : undefined, rules);
  if (worker?.isElsewhere) {
    return {
      ...NOTHING,
      blocked: table ? [workerTrouble({ state: "elsewhere", pid: worker.pid })!] : [],
    };
  }
  const next = nextOf(version, table, worker);
  const changes = [...steps.map(ruleChange), ...next ? [workerChange(next)] : []];
  const lost = table && wasInUse
    ? [
      ...steps.filter(({ rules, family, found }) =>
        rules !== undefined && !isWhole(before?.get(family), found)
      ).map(ruleObject),
      ...next?.isLost ? [WORKER] : [],
    ]
    : [];
  return { rules: steps, worker: next?.op, table, changes, drift: lost, blocked: [] };
}

interface Next {
  readonly op: WorkerOp;
  readonly why: string;
  /** It should have been there. */
  readonly isLost?: boolean;
}

function nextOf(
  version: string,
  table: QueueTable | undefined,
  view: WorkerView | undefined,
): Next | undefined {
  if (!table) return view && { op: "stop", why: "no service is left for it" };
  if (!view) return { op: "start", why: "does not run", isLost: true };
  if (!view.responsive) {
    return { op: "start", why: `process ${view.pid} does not answer`, isLost: true };
  }
  // One that starts beside another takes its queues over.
  if (view.status.version !== version) {
    return { op: "start", why: `is of lb ${view.status.version}` };
  }
  if (view.status.worker_pid === 0 && view.status.token === "") {
    return { op: "start", why: "does not come to choose", isLost: true };
  }
  if (view.status.token === table.token) return undefined;
  return { op: "reload", why: "chooses by the services there are now" };
}

function workerChange({ op, why }: Next): Change {
  const ops = { start: "add", reload: "change", stop: "remove" } as const;
  return { engine: "nfqueue", op: ops[op], object: WORKER, detail: why };
}

function ruleChange(step: QueueRuleStep): Change {
  const op = step.rules === undefined ? "remove" : step.found === "" ? "add" : "change";
  const detail = op === "remove"
    ? "no service is left for it"
    : "hands first packets to the worker";
  return { engine: "nfqueue", op, object: ruleObject(step), detail };
}

/**
 * Brings it about, once the rules of the engines are in force: without the worker the kernel chooses. What
 * cannot be brought about is told, and tried again by the next run.
 */
export async function applyQueue(run: Run, stage: QueueStage): Promise<void> {
  const { machine: { kernel, worker: host }, blocked, done } = run;
  if (stage.changes.length === 0) return;
  try {
    await writeRules(kernel, stage.rules);
    for (const change of stage.changes.filter(({ object }) => object !== WORKER)) done.add(change);
    if (stage.table && stage.worker) writeTable(host, stage.table);
    if (stage.worker === "start") await startWorker(host);
    if (stage.worker === "reload") await reloadWorker(host);
    if (stage.worker === "stop") await stopWorker(host);
    if (!stage.table) kernel.files.remove(workerPlaces(kernel.runDir).table);
    for (const change of stage.changes) done.add(change);
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    blocked.push(`queue worker: ${error.message}; until it runs the kernel chooses by itself`);
  }
}

/** What came about of it. @param done changes that were carried out */
export function doneQueue(stage: QueueStage, done: ReadonlySet<Change>): QueueStage {
  return { ...stage, changes: stage.changes.filter((change) => done.has(change)) };
}

/** What is known of the worker, where one is in use. */
export interface WorkerReport {
  readonly state: "answers" | "silent" | "gone" | "elsewhere";
  /** Of the one that runs. */
  readonly pid?: number;
  /** What it says of itself, where it answers. */
  readonly status?: WorkerStatus;
}

/** Asks the worker. @returns undefined where none is in use */
export async function reportWorker(
  { kernel, worker }: Pick<Machine, "kernel" | "worker">,
): Promise<WorkerReport | undefined> {
  if (kernel.files.stat(workerPlaces(kernel.runDir).table) === undefined) return undefined;
  return reportOf(await observeWorker(worker));
}

function reportOf(view: WorkerView | undefined): WorkerReport {
  if (!view) return { state: "gone" };
  if (view.isElsewhere) return { state: "elsewhere", pid: view.pid };
  if (!view.responsive) return { state: "silent", pid: view.pid };
  return { state: "answers", pid: view.pid, status: view.status };
}

/** What is wrong with it, and what to do; undefined where it answers. */
export function workerTrouble({ state, pid, status }: WorkerReport): string | undefined {
  switch (state) {
    case "gone":
      return 'the queue worker does not run, and the kernel chooses by itself: "lb reconcile" starts it';
    case "silent":
      return `the queue worker (process ${pid}) does not answer, and new connections may wait a ` +
        'second: "lb reconcile" replaces it';
    case "elsewhere":
      return `the run folder is in use by the queue worker of another network namespace (process ${pid}), ` +
        "and the kernel chooses by itself: give this one a folder of its own (--run-dir)";
    case "answers":
      return status?.worker_pid === 0
        ? 'the queue worker does not come to choose, and the kernel does: "lb reconcile" starts it anew'
        : undefined;
  }
}

/** What a run reads of the worker, for a digest. @throws {KernelError} */
export async function queueInputs(
  machine: Pick<Machine, "kernel" | "worker">,
): Promise<unknown> {
  const seen = await observeQueue(machine);
  if (!seen) return undefined;
  const { rules, worker } = seen;
  const status = worker?.responsive ? worker.status : undefined;
  return { rules: [...rules], worker: status && { token: status.token, version: status.version } };
}
