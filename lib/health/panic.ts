import type { Family } from "../model/address.ts";
import type { HealthState } from "../model/health.ts";

/** A backend of a service within one pass. */
export interface Checked {
  readonly family: Family;
  readonly backup: boolean;
  /** Without one it serves nobody, however well it is. */
  readonly weight: number;
  /** What it was taken for before this pass. */
  readonly state: HealthState;
  readonly ok: boolean;
}

/**
 * The backends whose failures are not believed, because too many of a service fail within one pass: then it
 * is rather the way to them, or the check. Those are the ones that were good until now, or, where no backend
 * has ever been, those of which nothing else is known. Nobody is held where a backup can step in for all
 * that are lost. Pure.
 *
 * @param panic per cent of the service's backends; 0 believes all
 * @returns none where all is believed
 */
export function unbelievable<Each extends Checked>(
  backends: readonly Each[],
  panic: number,
): readonly Each[] {
  if (panic === 0) return [];
  const serving = backends.filter(({ weight }) => weight > 0);
  const lost = lastGood(serving).filter(({ ok }) => !ok);
  if (lost.length * 100 <= panic * serving.length) return [];
  return isReplaced(lost, serving) ? [] : lost;
}

function lastGood<Each extends Checked>(serving: readonly Each[]): readonly Each[] {
  const healthy = serving.filter(({ state }) => state === "healthy");
  if (healthy.length > 0 || serving.some(({ ok }) => ok)) return healthy;
  return serving.filter(({ state }) => state === "unknown");
}

/** Backups enter only where no primary is left. */
function isReplaced(lost: readonly Checked[], serving: readonly Checked[]): boolean {
  const families = new Set(lost.map(({ family }) => family));
  return [...families].every((family) => {
    const able = serving.filter((each) => each.ok && each.family === family);
    return able.length > 0 && able.every(({ backup }) => backup);
  });
}
