import { context } from "../context.ts";

/**
 * Does something again and again, until Ctrl-C, or until it says that it is enough. A signal is waited for at
 * once in a pause, and never cuts short what is under way.
 *
 * @param act @returns whether to go on
 */
export async function repeat(every_ms: number, act: () => Promise<boolean>): Promise<void> {
  const stopped = Promise.withResolvers<"stopped">();
  let isStopped = false;
  const release = context.holdSignals(() => {
    isStopped = true;
    stopped.resolve("stopped");
  });
  try {
    while (!isStopped && await act()) {
      await Promise.race([context.clock.sleep(every_ms), stopped.promise]);
    }
  } finally {
    release();
  }
}
