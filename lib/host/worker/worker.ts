import { hasEnded } from "../../kernel/process_facts.ts";
import { isWorker, namedSupervisor, type ProcessIdentity } from "../../kernel/worker_identity.ts";
import { LbError } from "../../model/error.ts";
import {
  START_MS_MAX,
  workerPlaces,
  type WorkerRefusal,
  type WorkerReloaded,
  type WorkerRequest,
  type WorkerStatus,
} from "../../model/worker.ts";
import type { DaemonsPort, Kernel } from "../../sys/ports.ts";
import { controlUnit, isManaged } from "./unit.ts";

/** What the worker is looked after with. */
export interface WorkerHost {
  readonly kernel: Pick<Kernel, "files" | "process" | "clock" | "runDir">;
  readonly daemons: Pick<DaemonsPort, "start" | "ask">;
  /** An argument list that runs this lb. */
  readonly self: readonly [string, ...string[]];
}

/** A worker that runs. */
export type WorkerView =
  & {
    /** It is another network namespace's, which has the same run folder. */
    readonly isElsewhere?: boolean;
  }
  & (
    /** It does not answer: it is stopped, or hangs. */
    | { readonly pid: number; readonly responsive: false }
    | { readonly pid: number; readonly responsive: true; readonly status: WorkerStatus }
  );

/** Who does not answer within this hangs. */
const STATUS_MS_MAX = 500;

/** Every thread has to read the table anew. */
const RELOAD_MS_MAX = 20_000;
const STOP_MS_MAX = 5_000;
const LOOK_EVERY_MS = 20;

/** What runs; undefined where nothing does. */
export async function observeWorker(host: WorkerHost): Promise<WorkerView | undefined> {
  const pid = workerPid(host);
  if (pid === undefined) return undefined;
  const status = await ask<WorkerStatus>(host, { op: "status" }, STATUS_MS_MAX);
  const where = isInOtherNamespace(host, pid) ? { isElsewhere: true } : {};
  return status && "pid" in status
    ? { pid: status.pid, responsive: true, status, ...where }
    : { pid, responsive: false, ...where };
}

function isInOtherNamespace({ kernel: { files } }: WorkerHost, pid: number): boolean {
  const [own, other] = ["self", pid].map((process) => files.readLink(`/proc/${process}/ns/net`));
  return own !== undefined && other !== undefined && own !== other;
}

/** Writes what is to be chosen by. {@linkcode reloadWorker} has it taken over. */
export function writeTable({ kernel }: WorkerHost, table: { readonly token: string }): void {
  kernel.files.replace(workerPlaces(kernel.runDir).table, JSON.stringify(table) + "\n", 0o600);
}

/**
 * Starts a worker, and waits until it chooses. One that runs already, or hangs, is ended when the new one has
 * taken its queues over: there is no moment without one. Where the service manager looks after it, that ends the old
 * one before it starts the new one, and the kernel chooses meanwhile.
 *
 * @throws {LbError} `kernel-refused` where it does not come to choose
 */
export async function startWorker(host: WorkerHost): Promise<WorkerStatus> {
  const before = workerPid(host);
  const pid = await begin(host);
  const until_ms = host.kernel.clock.now_ms() + START_MS_MAX;
  while (host.kernel.clock.now_ms() < until_ms) {
    const view = await observeWorker(host);
    if (view?.responsive && view.pid !== before && view.status.token !== "") return view.status;
    if (pid !== undefined && hasEnded(host.kernel.files, pid)) {
      throw startFailure(host, "ended before it came to choose");
    }
    await host.kernel.clock.sleep(LOOK_EVERY_MS);
  }
  throw startFailure(host, `does not come to choose within ${START_MS_MAX / 1000} s`);
}

/** @returns the process that was started; undefined where the service manager starts it */
async function begin({ kernel, daemons, self }: WorkerHost): Promise<number | undefined> {
  if (!isManaged(kernel)) return daemons.start([...self, "queue", "--run-dir", kernel.runDir]);
  await controlUnit(kernel, "restart");
  return undefined;
}

function startFailure({ kernel: { runDir } }: WorkerHost, what: string): LbError {
  return new LbError(
    "kernel-refused",
    `lb queue ${what}; "lb queue --run-dir ${runDir}", run by hand, says why`,
  );
}

/**
 * Has the table taken over.
 *
 * @returns the token of the one that every thread chooses by now
 * @throws {LbError} `kernel-refused` where it is not
 */
export async function reloadWorker(host: WorkerHost): Promise<string> {
  const answer = await ask<WorkerReloaded>(host, { op: "reload" }, RELOAD_MS_MAX);
  if (answer && "token" in answer) return answer.token;
  const why = answer ? answer.error : "it does not answer";
  throw new LbError("kernel-refused", `the worker does not take its table over: ${why}`);
}

/**
 * Ends the worker; the kernel chooses from then on. Nothing happens where none runs.
 *
 * @throws {LbError} `kernel-refused` where it does not end
 */
export async function stopWorker(host: WorkerHost): Promise<void> {
  if (!await observeWorker(host)) return;
  const isUnit = isManaged(host.kernel);
  // It succeeds, too, where somebody else has started the worker, which goes on then.
  if (isUnit) await controlUnit(host.kernel, "stop");
  const view = await observeWorker(host);
  if (!view) return;
  if (!view.responsive) {
    // One that hangs has packets that it would lose: its successor lets them go on.
    await startWorker(host);
    if (isUnit) return await controlUnit(host.kernel, "stop");
  }
  const { files, runDir } = host.kernel;
  const supervisor = namedSupervisor(files, runDir);
  await ask(host, { op: "stop" }, STATUS_MS_MAX);
  await untilGone(host, supervisor);
}

/** Its files go before it does. */
async function untilGone({ kernel }: WorkerHost, supervisor: ProcessIdentity): Promise<void> {
  const { files, clock, runDir } = kernel;
  const until_ms = clock.now_ms() + STOP_MS_MAX;
  while (isWorker(files, supervisor, runDir)) {
    if (clock.now_ms() > until_ms) {
      throw new LbError("kernel-refused", `the worker ${supervisor.pid} does not end`);
    }
    await clock.sleep(LOOK_EVERY_MS);
  }
}

/** Of the process that the run folder names, where there is one and it is a worker. */
function workerPid({ kernel: { files, runDir } }: WorkerHost): number | undefined {
  const supervisor = namedSupervisor(files, runDir);
  return isWorker(files, supervisor, runDir) ? supervisor.pid : undefined;
}

async function ask<Answer>(
  { kernel, daemons }: WorkerHost,
  request: WorkerRequest,
  timeout_ms: number,
): Promise<Answer | WorkerRefusal | undefined> {
  const { socket } = workerPlaces(kernel.runDir);
  const line = await daemons.ask(socket, JSON.stringify(request), timeout_ms);
  try {
    return line === undefined ? undefined : JSON.parse(line) as Answer | WorkerRefusal;
  } catch {
    return { error: "it answers what is no JSON" };
  }
}
