/** Three million changed messages through every decoder: `deno task fuzz [MESSAGES] [SEED]`. */
import { type FuzzResult, HANG_MS } from "./fuzz.ts";

const MESSAGES = 3_000_000;

/** Of a worker that stands still: it says so every 10,000 messages, which take seconds. */
const SILENCE_MS_MAX = 12 * HANG_MS;

/** What the worker says. */
export type Report =
  | { readonly done: number }
  | { readonly result: FuzzResult }
  | { readonly problem: string };

async function main([messages = `${MESSAGES}`, seed]: readonly string[]): Promise<number> {
  const spec = { messages: Number(messages), seed: Number(seed ?? Date.now() % 2 ** 32) };
  console.log(`${spec.messages} messages, seed ${spec.seed}`);
  const start_ms = performance.now();
  const report = await run(spec);
  const seconds = (performance.now() - start_ms) / 1000;
  if (!("result" in report)) {
    console.error("problem" in report ? report.problem : `no end after message ${report.done}`);
    return 1;
  }
  print(report.result, seconds);
  return 0;
}

/** In a worker, because what hangs cannot tell. */
function run(spec: { readonly messages: number; readonly seed: number }): Promise<Report> {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const { promise, resolve } = Promise.withResolvers<Report>();
  let [done, heard_ms] = [0, performance.now()];
  const watch = setInterval(() => {
    if (performance.now() - heard_ms > SILENCE_MS_MAX) resolve({ done });
  }, HANG_MS);
  worker.addEventListener("message", ({ data }: MessageEvent<Report>) => {
    heard_ms = performance.now();
    if ("done" in data) done = data.done;
    else resolve(data);
  });
  worker.postMessage(spec);
  return promise.finally(() => {
    clearInterval(watch);
    worker.terminate();
  });
}

function print({ messages, decoders, slowest_ms }: FuzzResult, seconds: number): void {
  for (const [name, { read, refused }] of decoders) {
    console.log(
      `${name.padEnd(26)}${`${read}`.padStart(9)} read ${`${refused}`.padStart(9)} refused`,
    );
  }
  const rate = `${Math.round(messages / seconds)} a second`;
  console.log(
    `${messages} messages in ${seconds.toFixed(1)} s, ${rate}; the slowest took ${
      slowest_ms.toFixed(1)
    } ms`,
  );
}

Deno.exit(await main(Deno.args));
