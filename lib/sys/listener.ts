import { linesOf } from "./children.ts";
import type { Listener, ListenerPort } from "./ports.ts";

/** Whoever asks has his question ready. */
const QUESTION_MS_MAX = 1_000;

/** Unix sockets of ours. */
export const listeners: ListenerPort = {
  serve(path, answer) {
    const draft = `${path}.${Deno.pid}`;
    removeQuietly(draft);
    const listener = Deno.listen({ transport: "unix", path: draft });
    Deno.chmodSync(draft, 0o600);
    Deno.renameSync(draft, path);
    accept(listener, answer);
    return new Closing(listener);
  },
};

class Closing implements Listener {
  readonly #listener: Deno.UnixListener;

  constructor(listener: Deno.UnixListener) {
    this.#listener = listener;
  }

  close(): void {
    this.#listener.close();
  }
}

async function accept(listener: Deno.UnixListener, answer: (line: string) => Promise<string>) {
  for await (const connection of listener) converse(connection, answer);
}

/** Somebody who asks and goes away, or never asks, is no reason to fail. */
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

function closeQuietly(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch {
    // As a rule nothing is there.
  }
}
