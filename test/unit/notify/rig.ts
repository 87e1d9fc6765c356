/** Test equipment: a real state database, receivers that are real servers, and a clock that is set by hand. */
import { channelsOf } from "../../../lib/notify/channels.ts";
import { deliver } from "../../../lib/notify/deliver.ts";
import type { Notify } from "../../../lib/model/settings.ts";
import { openStore, type Store } from "../../../lib/store/store.ts";
import { files } from "../../../lib/sys/files.ts";
import { process } from "../../../lib/sys/process.ts";
import { web } from "../../../lib/sys/web.ts";
import { OWNER } from "../store/folder.ts";

export const KINDS = ["health", "drain", "drift", "panic", "engine"];

/** One request as a receiver got it. */
export interface Received {
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Everything that a test of deliveries works with. */
export class Rig {
  now_ms = 1_700_000_000_000;
  readonly received: Received[] = [];
  /** What the receiver answers. */
  answer: (request: Received) => Response | Promise<Response> = () => new Response("thanks");
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly folder: string, readonly store: Store) {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => {
        const received = {
          method: request.method,
          headers: request.headers,
          body: await request.text(),
        };
        this.received.push(received);
        return await this.answer(received);
      },
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/hook/token`;
  }

  get config(): string {
    return `${this.folder}/lb.toml`;
  }

  /** Ids of the events that the receiver was told of, in that order. */
  get told(): number[] {
    return this.received.map(({ body }) => (JSON.parse(body) as { id: number }).id);
  }

  /** @returns its id */
  happen(kind: string, more: { service?: string; backend?: string } = {}): number {
    return this.store.events.add({ at_ms: this.now_ms, kind, message: `a ${kind} event`, ...more });
  }

  /** What one pass tells, from the beginning of time unless said otherwise. */
  async pass(notify: Partial<Notify>, from_ms = 0): Promise<string[]> {
    const ports = { files, process, web: () => Promise.resolve(web) };
    const channels = channelsOf(
      { events: KINDS, ...notify },
      { ports, config: this.config, version: "test" },
    );
    // The time that passes while others are waited for counts, too.
    const [set_ms, begin_ms] = [this.now_ms, performance.now()];
    const clock = {
      now_ms: () => Math.round(set_ms + performance.now() - begin_ms),
      sleep: () => Promise.resolve(),
    };
    const kinds = notify.events ?? KINDS;
    return await deliver({ store: this.store, clock }, { channels, kinds, from_ms });
  }

  /** A file that only root may write to. */
  file(name: string, text: string, mode = 0o600): string {
    const path = `${this.folder}/${name}`;
    Deno.writeTextFileSync(path, text);
    Deno.chmodSync(path, mode);
    return path;
  }

  async close(): Promise<void> {
    await this.#server.shutdown();
  }
}

/** A test with a rig of its own. */
export async function withRig(work: (rig: Rig) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: `lb-notify-${Deno.pid}-` });
  const store = openStore(`${folder}/state`, OWNER);
  const rig = new Rig(folder, store);
  try {
    rig.file("lb.toml", "");
    await work(rig);
  } finally {
    await rig.close();
    store.close();
    Deno.removeSync(folder, { recursive: true });
  }
}
