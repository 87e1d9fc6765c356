import type { ProcessPort, RunOptions, RunResult } from "./ports.ts";
import { startProgram } from "./program.ts";

const TIMEOUT_MS = 60_000;

/** The code of timeout(1). */
const CODE_TIMED_OUT = 124;

/** Real programs. */
export const process: ProcessPort = { run };

async function run(
  argv: readonly [string, ...string[]],
  { stdin, timeout_ms = TIMEOUT_MS }: RunOptions = {},
): Promise<RunResult> {
  const child = startProgram(argv, stdin === undefined ? "null" : "piped");
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const feed = stdin === undefined ? undefined : feeder(child.stdin, stdin);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill(child);
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

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It ended just now, which is what was asked for.
  }
}

function collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const reader = stream.getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  return {
    ended: drain(reader, chunks),
    stop: () => void reader.cancel(),
    text: () => new Blob(chunks).text(),
  };
}

async function drain<Chunk>(
  reader: ReadableStreamDefaultReader<Chunk>,
  chunks: Chunk[],
): Promise<void> {
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    chunks.push(value);
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
