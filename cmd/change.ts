import type { LoadedConfig } from "../lib/config/load.ts";
import { EXIT_ATTENTION, EXIT_OK } from "../lib/model/error.ts";
import type { Outcome } from "../lib/reconcile/outcome.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import { context, type Places } from "./context.ts";
import { print, printJson, say, stderrPaint, stdoutPaint } from "./io.ts";

/** How a command that ends in `reconcile()` calls it. */
export interface ChangeRequest {
  readonly places: Places;
  /** For the record. */
  readonly command: string;
  readonly lockTimeout_ms: number;
  readonly dryRun: boolean;
  /** What to bring about; called with the lock held. undefined: there is nothing to do. */
  readonly target: (machine: Machine) => Promise<LoadedConfig | undefined>;
}

/** The way of every command that changes the kernel: lock, state, config, the one path. */
export async function change(request: ChangeRequest): Promise<Outcome | undefined> {
  const [{ withMachine }, { reconcile }] = await Promise.all([
    import("./machine.ts"),
    import("../lib/reconcile/reconcile.ts"),
  ]);
  return await withMachine(request.places, request.lockTimeout_ms, async (machine) => {
    const loaded = await request.target(machine);
    return loaded && await reconcile(machine, {
      loaded,
      who: context.who(),
      command: request.command,
      dryRun: request.dryRun,
      patience_ms: request.lockTimeout_ms,
    });
  });
}

/** Prints what a run did, and returns the exit code for it. */
export async function report(
  outcome: Outcome,
  options: { readonly json: boolean; readonly planned: boolean; readonly quiet?: boolean },
): Promise<number> {
  const { outcomeJson, outcomeText } = await import("../lib/report/outcome.ts");
  const paint = stderrPaint();
  const isQuiet = options.quiet && !outcome.changed && outcome.drift.length === 0;
  if (!isQuiet) {
    for (const warning of outcome.warnings) say(paint(`warning: ${warning}`, "yellow"));
  }
  for (const line of outcome.blocked) say(paint(`attention: ${line}`, "yellow"));
  if (options.json) printJson(outcomeJson(outcome));
  else if (!isQuiet) print(outcomeText(outcome, options.planned, stdoutPaint()));
  const needsAttention = outcome.drift.length + outcome.blocked.length > 0;
  return needsAttention && !options.planned ? EXIT_ATTENTION : EXIT_OK;
}
