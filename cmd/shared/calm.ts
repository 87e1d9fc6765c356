import { LbError } from "../../lib/model/error.ts";
import { context, type Places } from "../context.ts";

/** A run is over by then, as a rule. */
const RUN_MS_MAX = 2_000;

/**
 * What a run that is under way has written is not on record yet, and looks like a change behind lb's back: before
 * that is said, it is looked at once more while nobody writes.
 */
export async function calmly<T>(
  places: Places,
  look: () => Promise<T>,
  isSuspicious: (found: T) => boolean,
): Promise<T> {
  const found = await look();
  if (!isSuspicious(found) || !context.files.stat(`${places.runDir}/lock`)) return found;
  const lock = await context.lock(places, RUN_MS_MAX).catch((error: unknown) => {
    if (error instanceof LbError) return undefined;
    throw error;
  });
  if (!lock) return found;
  try {
    return await look();
  } finally {
    lock.release();
  }
}
