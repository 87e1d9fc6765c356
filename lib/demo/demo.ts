import { LbError } from "../model/error.ts";
import type { ChildrenPort, ClockPort, FilesPort, ProcessPort } from "../sys/ports.ts";
import { makeBalancer } from "./balancer.ts";
import type { RequestsResult } from "./role/spec.ts";
import { BACKEND_PORT, DEMO_BACKENDS } from "./scenario.ts";
import { type Act, ACTS, LAST_ACT, type Shown, type Stage } from "./steps.ts";
import { buildTopology, type Topology } from "./topology.ts";
import { makeTraffic, type Traffic } from "./traffic.ts";
import { lookAround } from "./witness.ts";

/** Detail of a step that was ended from outside. */
export const INTERRUPTED = "interrupted";

/** What the demo needs of the machine. */
export interface DemoMachine {
  readonly process: ProcessPort;
  readonly children: ChildrenPort;
  readonly files: FilesPort;
  readonly clock: ClockPort;
  /** Argument list that runs this program. */
  readonly self: readonly string[];
  /** Our process id. */
  readonly pid: number;
}

export interface DemoOptions {
  readonly engine: "auto" | "nft" | "nfqueue";
  /** Leave the namespaces behind, with the service applied. */
  readonly keep: boolean;
}

/** One thing that was shown, or was not. */
export interface DemoStep {
  readonly name: string;
  readonly ok: boolean;
  /** What happened, for people. */
  readonly detail: string;
  readonly ms: number;
}

/** What `lb demo --json` prints (cli.md). */
export interface DemoResult {
  readonly ok: boolean;
  readonly engine: string;
  /** Release of the kernel. */
  readonly kernel: string;
  /** Of the step that shows the distribution. */
  readonly requests: number;
  readonly failed: number;
  readonly per_backend: Readonly<Record<string, number>>;
  readonly steps: readonly DemoStep[];
}

/** Hears how the demo gets on. */
export interface DemoListener {
  onStart(title: string): void;
  onProgress(done: number, total: number): void;
  onEnd(step: DemoStep): void;
}

/** A demo that runs. */
export interface Demo {
  readonly result: Promise<DemoResult>;
  /** Ends it before its time: what runs is killed, the step fails, everything is removed. */
  interrupt(): void;
  /** What was built and still stands. */
  topology(): Topology | undefined;
}

/** Starts the demo. */
export function startDemo(
  machine: DemoMachine,
  options: DemoOptions,
  listener: DemoListener,
): Demo {
  const run = new Run(machine, options, listener);
  return {
    result: run.run(),
    interrupt: () => run.interrupt(),
    topology: () => run.topology,
  };
}

/** One run of the demo: its steps so far, and what has to be removed at the end. */
class Run {
  topology?: Topology;
  readonly #machine: DemoMachine;
  readonly #options: DemoOptions;
  readonly #listener: DemoListener;
  readonly #steps: DemoStep[] = [];
  #interrupted = false;
  #traffic?: Traffic;
  #stage?: Stage;
  #engine = "";
  #counted?: RequestsResult;

  constructor(machine: DemoMachine, options: DemoOptions, listener: DemoListener) {
    this.#machine = machine;
    this.#options = options;
    this.#listener = listener;
  }

  async run(): Promise<DemoResult> {
    try {
      await this.#playAll();
    } finally {
      if (!this.#options.keep || this.#interrupted) {
        await this.#clean();
        this.topology = undefined;
      }
    }
    return {
      ok: this.#steps.every(({ ok }) => ok),
      engine: this.#engine,
      kernel: this.#machine.files.read("/proc/sys/kernel/osrelease")?.trim() ?? "unknown",
      requests: this.#counted?.requests ?? 0,
      failed: this.#counted?.failed ?? 0,
      per_backend: this.#counted?.per_backend ?? {},
      steps: this.#steps,
    };
  }

  interrupt(): void {
    if (this.#interrupted) return;
    this.#interrupted = true;
    // Whatever the current step waits for ends with this, so that it fails instead of waiting on.
    void this.#clean();
  }

  async #clean(): Promise<void> {
    await this.#traffic?.close();
    await this.topology?.close();
  }

  /** In order, up to the first that fails: later ones would only fail of the same. */
  async #playAll(): Promise<void> {
    const build = { name: "build", title: "Building namespaces", act: () => this.#build() };
    const acts = [build, ...ACTS, ...(this.#options.keep ? [LAST_ACT] : [])];
    for (const act of acts) {
      if (!await this.#play(act)) return;
    }
  }

  /** @returns whether it held */
  async #play({ name, title, act }: Act): Promise<boolean> {
    const began_ms = this.#machine.clock.now_ms();
    this.#listener.onStart(title);
    const { ok, detail } = await this.#outcome(act);
    const step = { name, ok, detail, ms: this.#machine.clock.now_ms() - began_ms };
    this.#steps.push(step);
    this.#listener.onEnd(step);
    return ok;
  }

  async #outcome(act: Act["act"]): Promise<{ ok: boolean; detail: string }> {
    try {
      const shown = await act(this.#stage!);
      this.#engine ||= shown.engine ?? "";
      this.#counted ??= shown.counted;
      return { ok: !this.#interrupted, detail: this.#interrupted ? INTERRUPTED : shown.detail };
    } catch (error) {
      if (this.#interrupted) return { ok: false, detail: INTERRUPTED };
      if (!(error instanceof LbError) || error.code !== "kernel-refused") throw error;
      return { ok: false, detail: error.message };
    }
  }

  async #build(): Promise<Shown> {
    const { process, files, children, self, pid } = this.#machine;
    const topology = await buildTopology(process, files, { backends: DEMO_BACKENDS.length, pid });
    this.topology = topology;
    const traffic = makeTraffic(children, self);
    this.#traffic = traffic;
    const balancer = makeBalancer(topology, files, self);
    this.#stage = {
      topology,
      traffic,
      balancer,
      before: await lookAround(balancer.run),
      engine: this.#options.engine,
      onProgress: (done, total) => this.#listener.onProgress(done, total),
    };
    await this.#startBackends(topology, traffic);
    const names = DEMO_BACKENDS.map(({ name }) => name).join(", ");
    return { detail: `a client, a load balancer and HTTP backends ${names}, a namespace each` };
  }

  async #startBackends(topology: Topology, traffic: Traffic): Promise<void> {
    const stay = this.#options.keep;
    await Promise.all(
      DEMO_BACKENDS.map(({ name }, index) =>
        traffic.serve(topology.backends[index]!, { name, tcp: [BACKEND_PORT], udp: [], stay })
      ),
    );
  }
}
