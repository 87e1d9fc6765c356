/** Does the work of `deno task fuzz`. */
import { fuzz } from "./fuzz.ts";
import type { Report } from "./main.ts";
import { ALL_SAMPLES } from "./samples.ts";

/** The part of a worker's global scope that is used here. */
const scope = globalThis as unknown as {
  addEventListener(
    type: "message",
    listener: (event: MessageEvent<{ messages: number; seed: number }>) => void,
  ): void;
  postMessage(report: Report): void;
};

scope.addEventListener("message", ({ data }) => {
  try {
    const progress = (done: number) => scope.postMessage({ done });
    scope.postMessage({ result: fuzz({ ...data, samples: ALL_SAMPLES, progress }) });
  } catch (error) {
    scope.postMessage({ problem: chain(error) });
  }
});

/** With what lies behind it: where the decoder failed is in the last one. */
function chain(error: unknown): string {
  if (!(error instanceof Error)) return `${error}`;
  const cause = error.cause instanceof Error ? `\n${chain(error.cause)}` : `\n${error.stack}`;
  return error.message + cause;
}
