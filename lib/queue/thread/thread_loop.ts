import type { QueueTable } from "../../engine/nfqueue/table.ts";
import type { Counts, ThreadEnd, ThreadReport } from "../protocol.ts";
import type { ThreadControl } from "../thread_control.ts";

/** How often a thread says that it moves, and what it counted, ms. */
const REPORT_EVERY_MS = 200;

/** The part of a thread's global scope that is used here. */
export interface ThreadScope<Order> {
  addEventListener(
    type: "message",
    listener: (event: MessageEvent<Order>) => void,
    options?: { readonly once: boolean },
  ): void;
  postMessage(message: ThreadReport | ThreadEnd): void;
  close(): void;
}

/** What a thread does again and again. */
export interface Step {
  /** Does it; blocks the thread for a tenth of a second at most. */
  step(): void;
  /** What was counted since it was asked last. */
  tally(): Counts;
  /** The table that it chooses by; nothing where it chooses by none. */
  token?(): string;
  choose?(table: QueueTable): void;
}

/**
 * Goes on until it is told to stop. Messages are heard only when {@linkcode ThreadControl} tells of one: to hear them
 * costs a turn of the event loop.
 */
export class ThreadLoop {
  readonly #scope: ThreadScope<QueueTable>;
  readonly #control: ThreadControl;
  readonly #step: Step;
  readonly #tables: QueueTable[] = [];
  #taken: number;
  #reported_ms = -Infinity;
  #wake = () => {};

  constructor(scope: ThreadScope<QueueTable>, control: ThreadControl, step: Step) {
    this.#scope = scope;
    this.#control = control;
    this.#step = step;
    this.#taken = 0;
    scope.addEventListener("message", ({ data }) => {
      this.#tables.push(data);
      this.#wake();
    });
  }

  async run(): Promise<void> {
    while (!this.#control.isStopping) {
      while (this.#step.choose && this.#taken !== this.#control.table) await this.#takeTable();
      this.#step.step();
      this.#report();
    }
    this.#reported_ms = -Infinity;
    this.#report();
    this.#scope.postMessage({ ended: true });
    this.#scope.close();
  }

  async #takeTable(): Promise<void> {
    while (this.#tables.length === 0) await new Promise<void>((wake) => this.#wake = wake);
    this.#step.choose?.(this.#tables.shift()!);
    this.#taken++;
    this.#reported_ms = -Infinity;
  }

  #report(): void {
    const now_ms = performance.now();
    if (now_ms - this.#reported_ms < REPORT_EVERY_MS) return;
    this.#reported_ms = now_ms;
    this.#scope.postMessage({ token: this.#step.token?.() ?? "", tally: this.#step.tally() });
  }
}
