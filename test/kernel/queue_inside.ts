/**
 * Test equipment: listens to netfilter queues in the network namespace it is started in, until its standard
 * input ends. Says `ready` when all are bound, and at the end what came. `deno run -A queue_inside.ts JSON`
 */
import type { QueueResult, QueueSpec } from "./queue_spec.ts";
import type { QueueTask } from "./queue_worker.ts";

const spec: QueueSpec = JSON.parse(Deno.args[0] ?? "");
const end = new Int32Array(new SharedArrayBuffer(4));

const threads = spec.queues.map((queue) => {
  const worker = new Worker(new URL("./queue_worker.ts", import.meta.url), { type: "module" });
  const [ready, result] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<QueueResult>(),
  ];
  worker.addEventListener("message", ({ data }: MessageEvent<"ready" | QueueResult>) => {
    if (data === "ready") ready.resolve();
    else result.resolve(data);
  });
  worker.postMessage({ queue, spec, end } satisfies QueueTask);
  return { ready: ready.promise, result: result.promise };
});

await Promise.all(threads.map(({ ready }) => ready));
console.log("ready");
for await (const _ of Deno.stdin.readable);
Atomics.store(end, 0, 1);
Atomics.notify(end, 0);
console.log(JSON.stringify(await Promise.all(threads.map(({ result }) => result))));
Deno.exit(0);
