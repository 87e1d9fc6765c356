import { needsLoads } from "../engine/nfqueue/decide.ts";
import { newSharedLoads, type SharedLoads } from "../engine/nfqueue/shared_loads.ts";
import type { QueueTable } from "../engine/nfqueue/table.ts";
import type { BoundQueue, ThreadEnd, ThreadOrder, ThreadReport } from "./protocol.ts";
import { Control } from "./shared.ts";
import { Counter } from "./tally.ts";

/** A thread that says nothing for so long does not move, ms: it has to every tenth of a second. */
const SILENCE_MS_MAX = 1_000;

interface Thread {
  readonly worker: Worker;
  readonly kind: ThreadOrder["kind"];
  readonly ended: Promise<void>;
  /** Undefined until it has said something. */
  token?: string;
  heard_ms: number;
}

/** The threads of a worker: one for each queue, and one for events of conntrack where counts are needed. */
export class WorkerThreads {
  /** What they counted. */
  readonly counter = new Counter();
  readonly #control = new Control();
  readonly #loads: SharedLoads;
  readonly #threads: Thread[];
  readonly #onChange: () => void;
  readonly #onFailure: (message: string) => void;
  #table: QueueTable;

  constructor(
    queues: readonly BoundQueue[],
    table: QueueTable,
    on: { readonly change: () => void; readonly failure: (message: string) => void },
  ) {
    this.#onChange = on.change;
    this.#onFailure = on.failure;
    this.#table = table;
    this.#loads = newSharedLoads(table.marks, queues.length);
    this.#threads = queues.map((bound, index) =>
      this.#start({ kind: "queue", index, bound, table, ...this.#shared() })
    );
    this.#startEvents();
  }

  /** The table that all of them choose by; undefined while they do not agree. */
  get token(): string | undefined {
    const { token } = this.#table;
    const choosing = this.#threads.filter(({ kind }) => kind === "queue");
    return choosing.every((thread) => thread.token === token) ? token : undefined;
  }

  /** Whether every one of them moves. */
  get isWell(): boolean {
    const now_ms = performance.now();
    return this.#threads.every(({ heard_ms }) => now_ms - heard_ms < SILENCE_MS_MAX);
  }

  /** @returns false where it takes another worker: its marks are others */
  choose(table: QueueTable): boolean {
    if (table.marks.mask !== this.#table.marks.mask) return false;
    this.#table = table;
    for (const { kind, worker } of this.#threads) if (kind === "queue") worker.postMessage(table);
    this.#control.announceTable();
    this.#startEvents();
    return true;
  }

  /** Each answers what it has read. */
  async stop(): Promise<void> {
    this.#control.stop();
    await Promise.all(this.#threads.map(({ ended }) => ended));
  }

  #shared() {
    return { control: this.#control.buffer, loads: this.#loads };
  }

  #startEvents(): void {
    const runs = this.#threads.some(({ kind }) => kind === "events");
    if (runs || !needsLoads(this.#table)) return;
    this.#threads.push(
      this.#start({ kind: "events", marks: this.#table.marks, ...this.#shared() }),
    );
  }

  #start(order: ThreadOrder): Thread {
    const worker = new Worker(threadModule(), { type: "module" });
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const thread: Thread = { worker, kind: order.kind, ended, heard_ms: performance.now() };
    worker.onmessage = ({ data }: MessageEvent<ThreadReport | ThreadEnd>) =>
      "ended" in data ? end() : this.#hear(thread, data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#onFailure(event.message);
    };
    worker.postMessage(order);
    return thread;
  }

  #hear(thread: Thread, { token, tally }: ThreadReport): void {
    thread.heard_ms = performance.now();
    this.counter.add(tally);
    if (thread.token === token) return;
    thread.token = token;
    this.#onChange();
  }
}

/** The bundle has it as a file of its own, beside main.js (.ci/build.ts). */
function threadModule(): URL {
  const isBundle = Deno.mainModule.endsWith(".js");
  return isBundle
    ? new URL("./lib/queue/thread_main.js", Deno.mainModule)
    : new URL("./thread_main.ts", import.meta.url);
}
