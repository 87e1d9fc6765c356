import { LbError } from "../model/error.ts";
import type { Child, ChildrenPort } from "./ports.ts";

/** Real programs that run beside us. */
export const children: ChildrenPort = {
  spawn([program, ...args]) {
    return wrap(start(program, args));
  },
};

function start(program: string, args: string[]): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" })
      .spawn();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new LbError("unsupported", `cannot run ${program}: there is no such program`, { cause });
  }
}

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

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncIterableIterator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest) yield rest;
}
