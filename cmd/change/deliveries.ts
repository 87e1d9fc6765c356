import type { Store } from "../../lib/store/store.ts";
import { context, type Places } from "../context.ts";
import { fail, say } from "../shared/io.ts";

/** How a config begins to say whom to tell: cheaper than to parse it, and what it misses would be no TOML. */
const NOTIFY = /^[ \t]*\[?[ \t]*["']?notify\b/m;

/** Whether there is, or may be, something to tell somebody of. Most runs of cron end here. */
export function isTelling({ outbox, revisions }: Store, now_ms: number): boolean {
  if (outbox.isOpen()) return outbox.isDue(now_ms);
  // The sample has it in a comment, so that the word alone says little.
  return revisions.currentHolds("notify") &&
    NOTIFY.test(revisions.latestApplied()?.config_text ?? "");
}

let underway: Promise<void> | undefined;

/** Telling people of events, beside what else lb does: no pass waits for it. One at a time. */
export const deliveries = {
  /** @param from_ms events from before are not told to who is told for the first time */
  begin(places: Places, from_ms: number): void {
    underway ??= tell(places, from_ms).finally(() => underway = undefined);
  },

  /** Waits for the one that is under way, which is over in seconds. */
  async ended(): Promise<void> {
    await underway;
  },
};

async function tell(places: Places, from_ms: number): Promise<void> {
  // A purge has taken everything away, and nothing is to come back.
  if (!context.hasState(places)) return;
  try {
    const lock = await context.tellerLock(places);
    if (!lock) return;
    try {
      for (const line of await deliverAll(places, from_ms)) say(`attention: ${line}`);
    } finally {
      lock.release();
    }
  } catch (error) {
    // Whatever it is, what lb is for was done: the exit code is about that.
    fail(error, false);
  }
}

async function deliverAll(places: Places, from_ms: number): Promise<string[]> {
  const [{ appliedConfig }, { channelsOf }, { deliver }, { VERSION }] = await Promise.all([
    import("../shared/applied.ts"),
    import("../../lib/notify/channels.ts"),
    import("../../lib/notify/deliver.ts"),
    import("../shared/version.ts"),
  ]);
  const store = await context.openStore(places);
  try {
    const notify = (await appliedConfig(store))?.config.notify;
    const channels = channelsOf(notify, {
      ports: context.channelPorts(),
      config: context.configPath(places),
      version: VERSION,
    });
    const { clock } = context;
    return await deliver({ store, clock }, { channels, kinds: notify?.events ?? [], from_ms });
  } finally {
    store.close();
  }
}
