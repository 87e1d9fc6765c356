import { LbError } from "../../model/error.ts";
import type { Partner } from "../../sys/ports.ts";
import { type Counts, parseLine, type SupervisorLine, type WorkerLine } from "../protocol.ts";

/** Within this a worker that was told to stop answers what it has read, and ends. */
const WORKER_FAREWELL_MS_MAX = 2_000;

/** A table of 10,000 services takes a second to be read on a slow machine. */
const RELOAD_MS_MAX = 15_000;

/** What a supervisor wants to hear of a worker. */
export interface LinkListener {
  count(tally: Counts): void;
  refuse(message: string): void;
  /** It is no more. */
  end(link: WorkerLink): void;
}

interface Waiting {
  readonly turn: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A worker, as its supervisor sees it. */
export class WorkerLink {
  readonly #partner: Partner;
  readonly #listener: LinkListener;
  readonly #begun_ms = performance.now();
  #heard_ms = performance.now();
  #waiting: Waiting | undefined;
  #turn = 0;
  /** The table that every thread of it chooses by; undefined before the first. */
  token: string | undefined;
  /** Why it does not count connections; undefined where it does, or need not. */
  uncounted: string | undefined;
  /** It was told to stop: its end is no surprise. */
  isLeaving = false;

  constructor(partner: Partner, listener: LinkListener) {
    this.#partner = partner;
    this.#listener = listener;
    this.#hear();
  }

  get pid(): number {
    return this.#partner.pid;
  }

  /** Whether it serves its queues. */
  get isServing(): boolean {
    return this.token !== undefined;
  }

  /** Since it was well, or was started, ms. */
  get silent_ms(): number {
    return performance.now() - this.#heard_ms;
  }

  /** Its silence until now is no sign of anything. */
  excuse(): void {
    this.#heard_ms = performance.now();
  }

  get age_ms(): number {
    return performance.now() - this.#begun_ms;
  }

  /** Has it read its table anew. @throws {LbError} where it does not come to choose by that one, or a later one */
  async reload(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting?.reject(new LbError("busy", "another table came before this one was taken over"));
    const turn = ++this.#turn;
    this.#waiting = { turn, resolve, reject };
    const late = new LbError("kernel-refused", "the worker does not take its table over");
    const timer = setTimeout(() => reject(late), RELOAD_MS_MAX);
    this.#say({ op: "reload", turn });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Has it answer what it has read, and end. */
  async stop(): Promise<void> {
    this.isLeaving = true;
    this.#say({ op: "stop" });
    const timer = setTimeout(() => this.kill(), WORKER_FAREWELL_MS_MAX);
    await this.#partner.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#partner.kill();
  }

  #say(line: SupervisorLine): void {
    this.#partner.say(JSON.stringify(line));
  }

  async #hear(): Promise<void> {
    for await (const text of this.#partner.lines) {
      const line = parseLine<WorkerLine>(text);
      if (line) this.#take(line);
    }
    await this.#partner.ended;
    this.#waiting?.reject(new LbError("kernel-refused", "the worker ended meanwhile"));
    this.#listener.end(this);
  }

  #take(line: WorkerLine): void {
    this.#heard_ms = performance.now();
    if (line.event === "beat") {
      this.#listener.count(line.tally);
    } else if (line.event === "table") {
      this.token = line.token;
      if (this.#waiting && (line.turn ?? 0) >= this.#waiting.turn) this.#waiting.resolve();
    } else if (line.event === "uncounted") {
      this.uncounted = line.message;
      this.#listener.refuse(`connections are not counted: ${line.message}`);
    } else {
      this.#waiting?.reject(new LbError("config-invalid", line.message));
      this.#listener.refuse(line.message);
    }
  }
}
