/** Signals that end a program, and that a terminal, a service manager or a log-out sends. */
const ENDING: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * From here to the release these signals wait: the program that changes the kernel for us would go on
 * after our end, without a lock and off the record.
 *
 * @param onSignal called for each one that came
 * @returns lets them end the program again
 */
export function holdSignals(onSignal: () => void): () => void {
  for (const signal of ENDING) Deno.addSignalListener(signal, onSignal);
  return () => {
    for (const signal of ENDING) Deno.removeSignalListener(signal, onSignal);
  };
}
