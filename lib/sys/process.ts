import { CODE_TIMED_OUT } from "../model/exit_code.ts";
import type { ProcessPort, RunOptions, RunResult } from "./ports.ts";
import { startProgram } from "./program.ts";

const TIMEOUT_MS = 60_000;

/** Real programs. */
export const process: ProcessPort = { run };

async function run(
  argv: readonly [string, ...string[]],
  options: RunOptions = {},
): Promise<RunResult> {
  const { stdin, timeout_ms = TIMEOUT_MS, env, output_bytes_max, isApart: detached } = options;
  const child = startProgram(argv, stdin === undefined ? "null" : "piped", {
    stdout: "piped",
    stderr: "piped",
    detached,
  }, env);
  const stdout = collect(child.stdout, output_bytes_max);
  const stderr = collect(child.stderr, output_bytes_max);
  const feed = stdin === undefined ? undefined : feeder(child.stdin, stdin);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill(child, detached);
    // Not left to the program's end: its children may hold the pipes open for longer.
    for (const stream of [stdout, stderr, feed]) stream?.stop();
  }, timeout_ms);
  try {
    await Promise.all([stdout.ended, stderr.ended, feed?.ended]);
    const { code } = await child.status;
    return {
      code: timedOut ? CODE_TIMED_OUT : code,
      stdout: await stdout.text(),
      stderr: await stderr.text(),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** @param isGroup whether it leads a process group, and all of that is meant (kill(2)) */
function kill(child: Deno.ChildProcess, isGroup?: boolean): void {
  try {
    if (isGroup) Deno.kill(-child.pid, "SIGKILL");
    else child.kill("SIGKILL");
  } catch {
    // It ended just now, which is what was asked for.
  }
}

function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>, bytes_max = Infinity) {
  const reader = stream.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  return {
    ended: drain(reader, chunks, bytes_max),
    stop: () => void reader.cancel(),
    text: () => new Blob(chunks).text(),
  };
}

async function drain(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  chunks: Uint8Array<ArrayBuffer>[],
  bytes_max: number,
): Promise<void> {
  for (let left = bytes_max;;) {
    const { done, value } = await reader.read();
    if (done) return;
    if (left > 0) chunks.push(value.length > left ? value.slice(0, left) : value);
    left -= value.length;
  }
}

/** A program may end without reading its input (nft stops at the first error): its own words matter. */
function feeder(stream: WritableStream<Uint8Array<ArrayBuffer>>, text: string) {
  const writer = stream.getWriter();
  const feed = async () => {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  };
  return { ended: feed().catch(() => {}), stop: () => void writer.abort().catch(() => {}) };
}
