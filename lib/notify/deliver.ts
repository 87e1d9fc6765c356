import { plural } from "../model/plural.ts";
import type { ChannelName, Limits } from "../store/outbox.ts";
import type { Store } from "../store/store.ts";
import type { ClockPort } from "../sys/ports.ts";
import type { Channel } from "./channel.ts";

/** Whatever receivers do, a delivery is over after this. */
const DELIVERY_MS_MAX = 5_000;

/** What has less time left is not begun. */
const TRY_MS_MIN = 500;

/** After the first failure; twice as long after each further one. */
const PAUSE_MS = 10_000;
const PAUSE_MS_MAX = 15 * 60_000;

/** When an event is given up. */
const AGE_MS_MAX = 24 * 60 * 60_000;
const ATTEMPTS_MAX = 20;
const WAITING_MAX = 1_000;

/** What a delivery works with. */
export interface Post {
  readonly store: Pick<Store, "events" | "outbox">;
  readonly clock: ClockPort;
}

/** What is told of, and by whom. */
export interface Delivery {
  readonly channels: readonly Channel[];
  /** Kinds of events. */
  readonly kinds: readonly string[];
  /** {@linkcode Filling.from_ms} */
  readonly from_ms: number;
}

/**
 * Tells of everything that waits, each channel by itself, until all is told or the time is up. What fails is
 * tried again by a later delivery. An event may come twice, where lb was killed in between: by its id it is known.
 *
 * @returns what the operator should know, a sentence for each
 */
export async function deliver(
  { store, clock }: Post,
  { channels, kinds, from_ms }: Delivery,
): Promise<string[]> {
  const { outbox } = store;
  if (channels.length === 0) {
    outbox.empty();
    return [];
  }
  const until_ms = clock.now_ms() + DELIVERY_MS_MAX;
  const names = channels.map(({ name }) => name);
  const lost: string[] = [];
  do {
    outbox.fill({ channels: names, kinds, from_ms });
    lost.push(...channels.flatMap((channel) => giveUp({ store, clock }, channel)));
    await Promise.all(channels.map((channel) => tellAll({ store, clock }, channel, until_ms)));
  } while (outbox.isDue(clock.now_ms()) && until_ms - clock.now_ms() >= TRY_MS_MIN);
  return lost;
}

async function tellAll(post: Post, channel: Channel, until_ms: number): Promise<void> {
  const { store: { events, outbox }, clock } = post;
  for (let left_ms; (left_ms = until_ms - clock.now_ms()) >= TRY_MS_MIN;) {
    const waiting = outbox.next(channel.name, clock.now_ms());
    if (!waiting) return;
    const event = events.get(waiting.event);
    // So many came in between that it is no longer on record: given up by the next delivery.
    if (!event) return;
    const why = await whyNot(channel, {
      event,
      attempt: waiting.attempts + 1,
      timeout_ms: Math.min(channel.timeout_ms, left_ms),
      now_ms: clock.now_ms(),
    });
    if (why === undefined) outbox.deliver(channel.name, event.id, clock.now_ms());
    else postpone(post, channel.name, { ...waiting, error: why });
  }
}

/** @returns why it did not come about, in words; undefined where it did */
export async function whyNot(
  channel: Channel,
  telling: Parameters<Channel["tell"]>[0],
): Promise<string | undefined> {
  try {
    await channel.tell(telling);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function postpone(
  { store: { outbox }, clock }: Post,
  name: ChannelName,
  failed: { readonly event: number; readonly attempts: number; readonly error: string },
): void {
  const failures = outbox.standings().find(({ channel }) => channel === name)?.failures ?? 0;
  const now_ms = clock.now_ms();
  outbox.fail(name, {
    ...failed,
    due_at_ms: now_ms + pauseAfter(failed.attempts + 1),
    channel_due_at_ms: now_ms + pauseAfter(failures + 1),
  });
}

/** @param failures in a row, from 1. Pure. */
export function pauseAfter(failures: number): number {
  return Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** (failures - 1));
}

function giveUp({ store, clock }: Post, { name, where }: Channel): string[] {
  const now_ms = clock.now_ms();
  const limits: Limits = {
    attempts: ATTEMPTS_MAX,
    before_ms: now_ms - AGE_MS_MAX,
    waiting: WAITING_MAX,
  };
  const count = store.outbox.giveUp(name, limits);
  if (count === 0) return [];
  const error = store.outbox.standings().find(({ channel }) => channel === name)?.error;
  const events = plural(count, "event was", "events were");
  const message = `notify: ${name} ${where}: ${events} not told and given up` +
    (error ? ` (${error})` : "");
  store.events.add({ at_ms: now_ms, kind: "notify", message });
  return [message];
}
