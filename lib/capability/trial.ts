import { LbError } from "../model/error.ts";
import type { Kernel, RunResult } from "../sys/ports.ts";

/** A probe is a few rules in an empty namespace. */
const PROBE_TIMEOUT_MS = 10_000;

/** What came of trying rules out. `unknown`: the trial did not take place, or came to no end. */
export interface Trial {
  readonly answer: "yes" | "no" | "unknown";
  readonly evidence: string;
}

/** Loads rules into a network namespace of their own, which ends with the program. */
export async function runTrial(kernel: Pick<Kernel, "process">, rules: string): Promise<Trial> {
  try {
    // By a pipe: a file would have a name, which another lb probing at this moment would use too.
    const result = await kernel.process.run(["unshare", "--net", "nft", "-f", "-"], {
      stdin: rules.replaceAll("; ", "\n") + "\n",
      timeout_ms: PROBE_TIMEOUT_MS,
    });
    return readTrial(result);
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    // Without unshare(1), as in some containers, the rules themselves may work all the same.
    return { answer: "unknown", evidence: `not tried: ${error.message}` };
  }
}

/** From here on an exit code is not nft's own: timeout(1), a shell's "not found", 128 + a signal. */
const CODE_FOREIGN_MIN = 124;

/** Words of a trial that did not take place, or came to no end, on a machine that may be able to. */
const NOT_TRIED =
  /unshare|not permitted|denied|could not open|cannot allocate|out of memory|resource (busy|temporarily)/i;

function readTrial({ code, stderr }: RunResult): Trial {
  if (code === 0) {
    return { answer: "yes", evidence: "rule accepted in a throw-away network namespace" };
  }
  const words = stderr.split("\n")[0]?.replace(/^.*?Error: /, "") ?? "";
  if (code >= CODE_FOREIGN_MIN) {
    const ended = code === CODE_FOREIGN_MIN
      ? `no end within ${PROBE_TIMEOUT_MS / 1000} s`
      : `exit code ${code}`;
    return { answer: "unknown", evidence: `tried, ${ended}${words && `: ${words}`}` };
  }
  if (/syntax error/.test(words)) {
    return { answer: "no", evidence: `this nft does not know the syntax: ${words}` };
  }
  if (NOT_TRIED.test(words)) return { answer: "unknown", evidence: `not tried: ${words}` };
  return { answer: "no", evidence: `rule refused in a throw-away network namespace: ${words}` };
}
