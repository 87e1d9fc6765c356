import type { ClockPort } from "../sys/ports.ts";

/** How often passes come, and for how long. */
export interface Rhythm {
  readonly every_ms: number;
  readonly for_ms: number;
}

/** What became of the passes there was time for. */
export interface PassCount {
  readonly passes: number;
  /** Left out, because the one before was still under way, or another run was. */
  readonly skipped: number;
}

/**
 * Runs passes one after the other, each at its time: what comes too late for one is left out, not made up for.
 * Begins none once the time is up.
 *
 * @param pass is told how many were left out since the last that was not. @returns whether it was one
 */
export async function runPasses(
  clock: ClockPort,
  { every_ms, for_ms }: Rhythm,
  pass: (at: { readonly isFirst: boolean; readonly skipped: number }) => Promise<boolean>,
): Promise<PassCount> {
  const begin_ms = clock.now_ms();
  const elapsed = () => clock.now_ms() - begin_ms;
  let [passes, skipped, untold] = [0, 0, 0];
  for (let turn = 0; turn * every_ms <= for_ms;) {
    await clock.sleep(Math.max(0, turn * every_ms - elapsed()));
    const isPass = await pass({ isFirst: passes === 0, skipped: untold });
    if (isPass) [passes, untold] = [passes + 1, 0];
    const next = Math.max(turn + 1, Math.ceil(elapsed() / every_ms));
    const late = Math.min(next, Math.floor(for_ms / every_ms) + 1) - turn - 1 + (isPass ? 0 : 1);
    skipped += late;
    untold += late;
    turn = next;
  }
  return { passes, skipped };
}
