import { LbError } from "../model/error.ts";
import type { Child, ChildrenPort } from "../sys/ports.ts";
import { inside } from "./namespace.ts";
import type {
  BackendSpec,
  ClientSpec,
  DownloadsResult,
  DownloadsSpec,
  RequestsResult,
  RequestsSpec,
  RoleEvent,
  RoleSpec,
  SteadySpec,
} from "./role/spec.ts";

/** Starts backends and clients: children of this same program inside namespaces. */
export interface Traffic {
  /** Starts a backend and waits until it listens. */
  serve(namespace: string, spec: Omit<BackendSpec, "role">): Promise<Backend>;
  /** Sends requests and waits for their answers. */
  send(
    namespace: string,
    spec: Omit<RequestsSpec, "role">,
    onProgress?: (done: number) => void,
  ): Promise<RequestsResult>;
  /** Sends at a fixed rate while something else happens. */
  steady(namespace: string, spec: Omit<SteadySpec, "role">): Promise<Steady>;
  /** Starts downloads and waits until all of them flow. */
  download(namespace: string, spec: Omit<DownloadsSpec, "role">): Promise<Downloads>;
  /** Starts any program. */
  program(namespace: string, argv: readonly string[]): Child;
  /** Kills whatever of it still runs. */
  close(): Promise<void>;
}

/** A running backend. */
export interface Backend {
  readonly pid: number;
  stop(): Promise<void>;
}

/** Requests that are being sent. */
export interface Steady {
  /** Sends no more, waits for the last answers. */
  stop(): Promise<RequestsResult>;
}

/** Downloads under way. */
export interface Downloads {
  /** How many of them come from which backend. */
  readonly per_backend: Readonly<Record<string, number>>;
  readonly result: Promise<DownloadsResult>;
  /** Lets each of them end with its next piece; one that gets none is broken. */
  finish(): Promise<DownloadsResult>;
}

/**
 * @param self argument list that runs this program, to which `demo --role …` is added
 */
export function makeTraffic(children: ChildrenPort, self: readonly string[]): Traffic {
  const running = new Set<Child>();
  const program = (namespace: string, argv: readonly string[]) => {
    const child = children.spawn(inside(namespace, argv));
    running.add(child);
    child.ended.then(() => running.delete(child));
    return child;
  };
  const start = (namespace: string, spec: RoleSpec) =>
    new Role(program(namespace, [...self, "demo", "--role", JSON.stringify(spec)]), namespace);
  const startClient = async <R>(namespace: string, spec: ClientSpec) => {
    const role = start(namespace, spec);
    await role.ready();
    return { role, result: () => role.result<R>(), per_backend: role.per_backend };
  };
  return {
    program,
    async serve(namespace, spec) {
      const role = start(namespace, { role: "backend", ...spec });
      await role.ready();
      return { pid: role.child.pid, stop: () => role.stop() };
    },
    send(namespace, spec, onProgress) {
      return start(namespace, { role: "requests", ...spec }).result(onProgress);
    },
    async steady(namespace, spec) {
      const client = await startClient<RequestsResult>(namespace, { role: "steady", ...spec });
      return {
        async stop() {
          await client.role.child.closeInput();
          return await client.result();
        },
      };
    },
    async download(namespace, spec) {
      const client = await startClient<DownloadsResult>(namespace, { role: "downloads", ...spec });
      const result = client.result();
      const finish = async () => {
        await client.role.child.closeInput();
        return await result;
      };
      return { per_backend: client.per_backend, result, finish };
    },
    async close() {
      const all = [...running];
      all.forEach((child) => child.kill());
      await Promise.all(all.map((child) => child.ended));
    },
  };
}

/** A child that plays a role, and what it has said so far. */
class Role {
  readonly child: Child;
  per_backend: Readonly<Record<string, number>> = {};
  readonly #namespace: string;
  /** A result that came while we waited for the start. */
  #result: unknown;

  constructor(child: Child, namespace: string) {
    this.child = child;
    this.#namespace = namespace;
  }

  /** @throws {LbError} `kernel-refused` where the child ends before it is ready */
  async ready(): Promise<void> {
    for await (const event of this.#events()) {
      if (event.event === "result") return void (this.#result = event.result);
      if (event.event !== "ready") continue;
      this.per_backend = event.per_backend ?? {};
      return;
    }
    await this.#fail();
  }

  /** @throws {LbError} `kernel-refused` where the child ends without a result */
  async result<R>(onProgress?: (done: number) => void): Promise<R> {
    if (this.#result === undefined) {
      for await (const event of this.#events()) {
        if (event.event === "progress") onProgress?.(event.done);
        if (event.event === "result") this.#result = event.result;
      }
    }
    await this.child.ended;
    return this.#result === undefined ? await this.#fail() : this.#result as R;
  }

  async stop(): Promise<void> {
    await this.child.closeInput();
    await this.child.ended;
  }

  /** By hand instead of `for await`, which would close the lines when left early. */
  async *#events(): AsyncGenerator<RoleEvent> {
    for (;;) {
      const { value, done } = await this.child.lines.next();
      if (done) return;
      yield JSON.parse(value) as RoleEvent;
    }
  }

  async #fail(): Promise<never> {
    const { code, stderr } = await this.child.ended;
    throw new LbError(
      "kernel-refused",
      `a program in ${this.#namespace} ended with ${code}: ${stderr.trim() || "no word of why"}`,
    );
  }
}
