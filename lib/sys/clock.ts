import type { ClockPort } from "./ports.ts";

/** The machine's clock. */
export const clock: ClockPort = {
  now_ms: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
