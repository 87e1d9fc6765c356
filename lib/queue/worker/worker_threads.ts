import { needsLoads } from "../../engine/nfqueue/decide.ts";
import {
  abandonLoads,
  newSharedLoads,
  type SharedLoads,
} from "../../engine/nfqueue/shared_loads.ts";
import type { QueueTable } from "../../engine/nfqueue/table.ts";
import type { BoundQueue, ThreadEnd, ThreadOrder, ThreadReport } from "../protocol.ts";
import { ThreadControl } from "../thread_control.ts";
import { Counter } from "../counter.ts";

/** A thread that says nothing for so long does not move, ms: it has to every tenth of a second. */
const SILENCE_MS_MAX = 1_000;

interface Thread {
  readonly worker: Worker;
  readonly ended: Promise<void>;
  /** What it said of itself: the table that it chooses by, or that there are counts. Undefined before. */
  token?: string;
  heard_ms: number;
}

/** What is told of the threads. */
export interface ThreadsListener {
  /** One of them chooses by another table. */
  change(): void;
  /** Connections are not counted, for this reason: choices that look at counts go by turn. */
  uncounted(message: string): void;
  failure(message: string): void;
}

/**
 * The threads of a worker: one for each queue, and one for events of conntrack where counts are needed. Nobody
 * chooses by counts before there are any.
 */
export class WorkerThreads {
  /** What they counted. */
  readonly counter = new Counter();
  readonly #control = new ThreadControl();
  readonly #queues: readonly BoundQueue[];
  readonly #loads: SharedLoads;
  readonly #on: ThreadsListener;
  #table: QueueTable;
  #events: Thread | undefined;
  #isUncounted = false;
  #choosing: readonly Thread[] = [];

  constructor(queues: readonly BoundQueue[], table: QueueTable, on: ThreadsListener) {
    this.#queues = queues;
    this.#on = on;
    this.#table = table;
    this.#loads = newSharedLoads(table.marks, queues.length);
    this.#advance();
  }

  /** The table that all of them choose by; undefined while they do not agree. */
  get token(): string | undefined {
    const { token } = this.#table;
    const agree = this.#choosing.every((thread) => thread.token === token);
    return agree && this.#choosing.length > 0 ? token : undefined;
  }

  /** Whether every one of them moves. */
  get isWell(): boolean {
    const now_ms = performance.now();
    return this.#all.every(({ heard_ms }) => now_ms - heard_ms < SILENCE_MS_MAX);
  }

  /** @returns false where it takes another worker: its marks are others */
  choose(table: QueueTable): boolean {
    if (table.marks.mask !== this.#table.marks.mask) return false;
    this.#table = table;
    this.#advance();
    return true;
  }

  /** Each answers what it has read. */
  async stop(): Promise<void> {
    this.#control.stop();
    await Promise.all(this.#all.map(({ ended }) => ended));
  }

  get #all(): readonly Thread[] {
    return this.#events ? [...this.#choosing, this.#events] : this.#choosing;
  }

  /** Hands the table to those who choose, as soon as there are the counts that it takes. */
  #advance(): void {
    const shared = { control: this.#control.buffer, loads: this.#loads };
    const table = this.#table;
    if (needsLoads(table) && !this.#isUncounted) {
      this.#events ??= this.#start({ kind: "events", marks: table.marks, ...shared });
      if (!this.#events.token) return;
    }
    if (this.#choosing.length === 0) {
      this.#choosing = this.#queues.map((bound, index) =>
        this.#start({ kind: "queue", index, bound, table, ...shared })
      );
      return;
    }
    for (const { worker } of this.#choosing) worker.postMessage(table);
    this.#control.announceTable();
  }

  #start(order: ThreadOrder): Thread {
    const worker = new Worker(threadModule(), { type: "module" });
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const thread: Thread = { worker, ended, heard_ms: performance.now() };
    worker.onmessage = ({ data }: MessageEvent<ThreadReport | ThreadEnd>) =>
      "ended" in data ? end() : this.#hear(thread, data);
    worker.onerror = (event) => {
      event.preventDefault();
      // It says no more: who waited for its farewell would until the supervisor kills the process.
      end();
      this.#mourn(thread, event.message);
    };
    worker.postMessage(order);
    return thread;
  }

  /** Without counts there is something to choose by; without one of the queues' threads nobody reads from it. */
  #mourn(thread: Thread, message: string): void {
    if (thread !== this.#events) return this.#on.failure(message);
    const { token } = thread;
    this.#events = undefined;
    this.#isUncounted = true;
    abandonLoads(this.#loads);
    this.#on.uncounted(message);
    // Somebody may have waited for the first counts.
    if (!token) this.#advance();
  }

  #hear(thread: Thread, { token, tally }: ThreadReport): void {
    thread.heard_ms = performance.now();
    this.counter.add(tally);
    if (thread.token === token) return;
    thread.token = token;
    if (thread === this.#events) this.#advance();
    else this.#on.change();
  }
}

/** The bundle has it as a file of its own, beside main.js (.ci/build.ts). */
function threadModule(): URL {
  const isBundle = Deno.mainModule.endsWith(".js");
  return isBundle
    ? new URL("./lib/queue/thread/main.js", Deno.mainModule)
    : new URL("../thread/main.ts", import.meta.url);
}
