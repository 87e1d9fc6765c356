import type {
  WorkerRefusal,
  WorkerReloaded,
  WorkerRequest,
  WorkerStatus,
} from "../../model/worker.ts";
import type { Listener } from "../../sys/ports.ts";

/** What the worker can be asked to do. */
export interface Controlled {
  status(): WorkerStatus;
  /** @returns the token of the table that every thread chooses by then */
  reload(): Promise<string>;
  /** Never rejects. */
  stop(): Promise<void>;
}

/** What is answered. */
export type ControlAnswer =
  | WorkerStatus
  | WorkerReloaded
  | WorkerRefusal
  | { readonly stopping: true };

/** Answers one line. Never throws: whoever asks nonsense hears so. */
export async function answerLine(line: string, worker: Controlled): Promise<ControlAnswer> {
  const op = operationOf(line);
  try {
    if (op === "status") return worker.status();
    if (op === "reload") return { token: await worker.reload() };
    if (op === undefined) return { error: 'write {"op":"status"}, "reload" or "stop"' };
    // Not waited for: with its end nobody is there any more to say so.
    void worker.stop();
    return { stopping: true };
  } catch (error) {
    return { error: error instanceof Error ? error.message : `${error}` };
  }
}

/** Answers at a Unix socket until it is closed. */
export function serveControl(listener: Listener, worker: Controlled): void {
  listener.serve(async (line) => JSON.stringify(await answerLine(line, worker)));
}

const OPERATIONS: readonly WorkerRequest["op"][] = ["status", "reload", "stop"];

function operationOf(line: string): WorkerRequest["op"] | undefined {
  try {
    const { op } = JSON.parse(line) as { op?: unknown };
    return OPERATIONS.find((known) => known === op);
  } catch {
    return undefined;
  }
}
