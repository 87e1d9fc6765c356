import { type Ended, type Job, type Machine, ROOT, Stopped } from "./machine.ts";

/** The kernel that this runs on. What tests do to it, they do in namespaces of their own. */
export const own: Machine = {
  name: "own",
  what: "this machine's own kernel, in namespaces",
  prepare: () => Promise.resolve(Deno.osRelease()),
  async run(job) {
    const signal = AbortSignal.any([
      AbortSignal.timeout(job.timeout_ms),
      ...job.signal ? [job.signal] : [],
    ]);
    const { watch } = job;
    const ended = await runHere(job, signal, watch);
    if (signal.aborted) throw new Stopped(`it took too long and was ended:\n${textOf(ended)}`);
    return ended;
  },
};

/** Runs a program in the checkout. @param signal ends it */
export async function runHere(
  { argv: [program, ...args], env }: Pick<Job, "argv" | "env">,
  signal?: AbortSignal,
  watch?: Job["watch"],
): Promise<Ended> {
  const child = new Deno.Command(program, {
    args,
    env,
    signal,
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ code }, stdout, stderr] = await Promise.all([
    child.status,
    collect(child.stdout, watch),
    collect(child.stderr, watch),
  ]);
  return { code, stdout, stderr };
}

/** Everything a program wrote, for a reader. */
export function textOf({ stdout, stderr }: Pick<Ended, "stdout" | "stderr">): string {
  return `${stdout}${stderr}`;
}

async function collect(stream: ReadableStream<Uint8Array>, watch: Job["watch"]): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    watch?.(bytes);
  }
  return text;
}
