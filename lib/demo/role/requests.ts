import { ask } from "./datagram.ts";
import { get } from "./http.ts";
import type { RequestsSpec, RoleEvent, Source, Sources, SteadySpec } from "./spec.ts";
import { type RequestEnd, tallyRequests } from "./tally.ts";

type Say = (event: RoleEvent) => void;

/** How often progress is told, ms. */
const PROGRESS_EVERY_MS = 100;

const TIMEOUT_MS_DEFAULT = 5_000;
const CONCURRENCY_DEFAULT = 16;
const SECONDS_MAX_DEFAULT = 30;

/** Sends a number of requests as fast as `concurrency` allows. */
export async function sendRequests(spec: RequestsSpec, say: Say, stop: AbortSignal): Promise<void> {
  const record = new Recorder(spec, say);
  const until = performance.now() + (spec.seconds_max ?? SECONDS_MAX_DEFAULT) * 1000;
  let next = 0;
  const worker = async () => {
    while (next < spec.count && !stop.aborted && performance.now() < until) {
      await record.send(next++);
    }
  };
  await Promise.all(Array.from({ length: spec.concurrency ?? CONCURRENCY_DEFAULT }, worker));
  while (next < spec.count) record.giveUp(next++);
  record.finish();
}

/** Sends requests at a fixed rate, whether or not the earlier ones have been answered. */
export async function sendSteadily(spec: SteadySpec, say: Say, stop: AbortSignal): Promise<void> {
  const record = new Recorder(spec, say);
  const began = performance.now();
  const sent: Promise<void>[] = [];
  say({ event: "ready" });
  while (!stop.aborted && performance.now() - began < spec.seconds_max * 1000) {
    const due = (performance.now() - began) / 1000 * spec.per_second;
    while (sent.length < due) sent.push(record.send(sent.length));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(sent);
  record.finish();
}

/** Carries requests out and remembers how each went. */
class Recorder {
  readonly #spec: RequestsSpec | SteadySpec;
  readonly #say: Say;
  readonly #ends: RequestEnd[] = [];
  readonly #began = performance.now();
  #told = performance.now();
  #done = 0;

  constructor(spec: RequestsSpec | SteadySpec, say: Say) {
    this.#spec = spec;
    this.#say = say;
  }

  async send(index: number): Promise<void> {
    const began = performance.now();
    try {
      const backend = await request(this.#spec, index);
      this.#ends[index] = { ok: true, backend, ms: performance.now() - began };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#ends[index] = { ok: false, error: message };
    }
    this.#done++;
    this.#tell();
  }

  giveUp(index: number): void {
    this.#ends[index] = { ok: false, error: "not sent: out of time" };
  }

  finish(): void {
    const result = tallyRequests(this.#ends, performance.now() - this.#began);
    this.#say({ event: "result", result });
  }

  #tell(): void {
    if (performance.now() - this.#told < PROGRESS_EVERY_MS) return;
    this.#told = performance.now();
    this.#say({ event: "progress", done: this.#done });
  }
}

/** One request; the body of the answer, which is the backend's name unless the path asks for more. */
async function request(spec: RequestsSpec | SteadySpec, index: number): Promise<string> {
  const door = spec.doors[index % spec.doors.length]!;
  const source = spec.sources && sourceOf(spec.sources, index);
  const timeout_ms = spec.timeout_ms ?? TIMEOUT_MS_DEFAULT;
  if (spec.protocol === "udp") return await ask(door, { source, timeout_ms, bytes: spec.bytes });
  return (await get(door, spec.path ?? "/", { source, timeout_ms })).body.trim();
}

/** Which of the sources request `index` comes from. */
export function sourceOf({ addresses = [], first_port }: Sources, index: number): Source {
  const count = Math.max(1, addresses.length);
  return {
    address: addresses[index % count],
    port: first_port && first_port + Math.floor(index / count),
  };
}
