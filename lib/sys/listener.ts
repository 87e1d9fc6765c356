import { LbError } from "../model/error.ts";
import { linesOf } from "./children.ts";
import { closeQuietly } from "./connection.ts";
import type { Listener, ListenerPort } from "./ports.ts";

/** Whoever asks has his question ready. */
const QUESTION_MS_MAX = 1_000;

/** Where nobody can be let in (no more open files), it is tried again. */
const PAUSE_MS = 100;

/** Unix sockets of ours. */
export const listeners: ListenerPort = { bind: (path) => new UnixListener(path) };

class UnixListener implements Listener {
  readonly #path: string;
  readonly #draft: string;
  readonly #listener: Deno.UnixListener;
  #isClosed = false;

  constructor(path: string) {
    this.#path = path;
    this.#draft = `${path}.${Deno.pid}`;
    removeQuietly(this.#draft);
    this.#listener = listen(this.#draft);
  }

  serve(answer: (line: string) => Promise<string>): void {
    Deno.renameSync(this.#draft, this.#path);
    void this.#accept(answer);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.close();
    removeQuietly(this.#draft);
  }

  async #accept(answer: (line: string) => Promise<string>): Promise<void> {
    while (!this.#isClosed) {
      try {
        void converse(await this.#listener.accept(), answer);
      } catch {
        if (!this.#isClosed) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }
}

function listen(path: string): Deno.UnixListener {
  try {
    const listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, 0o600);
    return listener;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `${cause}`;
    throw new LbError("not-permitted", `nobody could ask at ${path}: ${why}`, { cause });
  }
}

/** Somebody who asks and goes away, or never asks, is no reason to fail. Never rejects. */
async function converse(connection: Deno.UnixConn, answer: (line: string) => Promise<string>) {
  const timer = setTimeout(() => closeQuietly(connection), QUESTION_MS_MAX);
  try {
    const { value } = await linesOf(connection.readable).next();
    clearTimeout(timer);
    if (value === undefined) return;
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode(await answer(value) + "\n"));
  } catch {
    // It has gone.
  } finally {
    clearTimeout(timer);
    closeQuietly(connection);
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // As a rule nothing is there.
  }
}
