import { EXIT_CODES, EXIT_OK, LbError } from "../../lib/model/error.ts";
import { context } from "../context.ts";
import { fail } from "./io.ts";

/**
 * Does something again and again, until Ctrl-C, or until it says that it is enough. A signal is waited for at
 * once in a pause, and never cuts short what is under way. What it fails at is said, and tried again.
 *
 * @param act @returns whether to go on
 * @returns the exit code of what it failed at the last time; 0 where it did not
 * @throws what it fails at the first time: what is asked for is wrong, rather than a moment bad
 */
export async function repeat(every_ms: number, act: () => Promise<boolean>): Promise<number> {
  const stopped = Promise.withResolvers<"stopped">();
  let isStopped = false;
  const release = context.holdSignals(() => {
    isStopped = true;
    stopped.resolve("stopped");
  });
  const tries = new Tries();
  try {
    while (!isStopped && await tries.go(act)) {
      await Promise.race([context.clock.sleep(every_ms), stopped.promise]);
    }
  } finally {
    release();
  }
  return tries.exitCode;
}

/** What fails after it has once been done: said once, until it is something else. */
class Tries {
  #isBegun = false;
  #said = "";
  exitCode: number = EXIT_OK;

  async go(act: () => Promise<boolean>): Promise<boolean> {
    try {
      const goesOn = await act();
      this.#isBegun = true;
      this.#said = "";
      this.exitCode = EXIT_OK;
      return goesOn;
    } catch (error) {
      if (!this.#isBegun || !(error instanceof LbError)) throw error;
      if (error.message !== this.#said) fail(error, false);
      this.#said = error.message;
      this.exitCode = EXIT_CODES[error.code];
      return true;
    }
  }
}
