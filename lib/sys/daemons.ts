import { linesOf } from "./children.ts";
import { closeQuietly } from "./connection.ts";
import type { DaemonsPort, Partner } from "./ports.ts";
import { startProgram } from "./program.ts";

/** Longer than any answer of the worker's: what says more is not the worker. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Real programs that stay, and what is said to them. */
export const daemons: DaemonsPort = {
  start(argv) {
    const quiet = { stdout: "null", stderr: "null", detached: true } as const;
    const daemon = startProgram(argv, "null", quiet);
    daemon.unref();
    return daemon.pid;
  },
  partner: (argv) => wrap(startProgram(argv, "piped", { stdout: "piped", stderr: "inherit" })),
  ask,
  signal,
};

function wrap(process: Deno.ChildProcess): Partner {
  const input = process.stdin.getWriter();
  const text = new TextEncoder();
  return {
    pid: process.pid,
    lines: linesOf(process.stdout),
    ended: process.status.then(() => {}),
    say: (line) => void input.write(text.encode(line + "\n")).catch(() => {}),
    kill: () => signal(process.pid, "SIGKILL"),
  };
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Somebody who is stopped takes the connection, too: the kernel does that for him. */
async function ask(path: string, line: string, timeout_ms: number): Promise<string | undefined> {
  let connection: Deno.UnixConn;
  try {
    connection = await Deno.connect({ transport: "unix", path });
  } catch {
    return undefined;
  }
  const timer = setTimeout(() => closeQuietly(connection), timeout_ms);
  try {
    const message = new TextEncoder().encode(line + "\n");
    for (let at = 0; at < message.length;) at += await connection.write(message.subarray(at));
    return await firstLine(connection);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
    closeQuietly(connection);
  }
}

async function firstLine(connection: Deno.UnixConn): Promise<string | undefined> {
  const text = new TextDecoder();
  const piece = new Uint8Array(64 * 1024);
  let said = "";
  while (said.length < ANSWER_BYTES_MAX) {
    const count = await connection.read(piece);
    if (count === null) return undefined;
    said += text.decode(piece.subarray(0, count), { stream: true });
    const end = said.indexOf("\n");
    if (end >= 0) return said.slice(0, end);
  }
  return undefined;
}
