import type { Child, ChildrenPort } from "./ports.ts";
import { startProgram } from "./program.ts";

/** Real programs that run beside us. */
export const children: ChildrenPort = {
  spawn: (argv) => wrap(startProgram(argv, "piped")),
};

function wrap(process: Deno.ChildProcess): Child {
  const stderr = new Response(process.stderr).text();
  return {
    pid: process.pid,
    lines: linesOf(process.stdout),
    ended: Promise.all([process.status, stderr]).then(([{ code }, text]) => ({
      code,
      stderr: text,
    })),
    closeInput: () => process.stdin.close().catch(() => {}),
    kill() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended already: what was asked for.
      }
    },
  };
}

/** What comes, line by line. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncIterableIterator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest) yield rest;
}
