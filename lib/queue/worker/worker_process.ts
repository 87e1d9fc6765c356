import type { FilesPort, StandardPort } from "../../sys/ports.ts";
import {
  BEAT_EVERY_MS,
  type BoundQueue,
  parseLine,
  type SupervisorLine,
  type WorkerLine,
} from "../protocol.ts";
import { readTable } from "../table.ts";
import { WorkerThreads } from "./worker_threads.ts";

/** What the process that chooses works with. */
export interface WorkerPorts {
  readonly files: Pick<FilesPort, "read">;
  readonly standard: StandardPort;
  readonly runDir: string;
}

/** How a worker's life ended. */
export type WorkerEnd = "told" | "abandoned";

/** The process that chooses: threads, and what its supervisor has to do with them. */
export class WorkerProcess {
  readonly #ports: WorkerPorts;
  readonly #threads: WorkerThreads;
  readonly #ended = Promise.withResolvers<WorkerEnd>();
  #isSaying = false;
  #turn = 0;

  /** @throws {LbError} `config-invalid` where its table is not to be understood */
  constructor(ports: WorkerPorts, queues: readonly BoundQueue[]) {
    this.#ports = ports;
    this.#threads = new WorkerThreads(queues, readTable(ports.files, ports.runDir), {
      change: () => this.#tellTable(),
      uncounted: (message) => void this.#say({ event: "uncounted", message }),
      failure: (message) => this.#fail(message),
    });
  }

  /** Chooses until it is told to stop, or hears nothing more of its supervisor. */
  async run(): Promise<WorkerEnd> {
    const beat = setInterval(() => this.#beat(), BEAT_EVERY_MS);
    void this.#hear();
    const end = await this.#ended.promise;
    clearInterval(beat);
    return end;
  }

  /** Has the next {@linkcode run} end; what has been read is answered in {@linkcode close}. */
  stop(): void {
    this.#ended.resolve("told");
  }

  /** Answers what has been read, and ends the threads. */
  async close(): Promise<void> {
    await this.#threads.stop();
    await this.#say({ event: "beat", tally: this.#threads.counter.take() });
  }

  async #hear(): Promise<void> {
    for await (const text of this.#ports.standard.lines()) {
      const line = parseLine<SupervisorLine>(text);
      if (line?.op === "stop") return this.stop();
      if (line) this.#reload(line.turn);
    }
    this.#ended.resolve("abandoned");
  }

  #reload(turn: number): void {
    try {
      const { files, runDir } = this.#ports;
      // Another layout of marks takes another process: what threads share follows from it.
      if (!this.#threads.choose(readTable(files, runDir))) this.stop();
      this.#turn = turn;
    } catch (error) {
      void this.#say({
        event: "refused",
        message: error instanceof Error ? error.message : `${error}`,
      });
    }
    this.#tellTable();
  }

  #tellTable(): void {
    const { token } = this.#threads;
    if (token !== undefined) void this.#say({ event: "table", token, turn: this.#turn });
  }

  #fail(message: string): void {
    void this.#say({ event: "refused", message });
    this.stop();
  }

  /** Not while the last one is unread: a supervisor that does not listen is no reason to wait. */
  #beat(): void {
    if (this.#isSaying || !this.#threads.isWell) return;
    void this.#say({ event: "beat", tally: this.#threads.counter.take() });
  }

  async #say(line: WorkerLine): Promise<void> {
    this.#isSaying = true;
    await this.#ports.standard.say(JSON.stringify(line));
    this.#isSaying = false;
  }
}
