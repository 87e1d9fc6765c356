import { linesOf } from "./children.ts";
import type { StandardPort } from "./ports.ts";

/** This process's own standard input and output. */
export const standard: StandardPort = {
  lines: () => linesOf(Deno.stdin.readable),
  async say(line) {
    const bytes = new TextEncoder().encode(line + "\n");
    try {
      for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
    } catch {
      // Whoever read it has gone, which the end of our input tells, too.
    }
  },
};
