import type { Database } from "./database.ts";

/** The ways by which people are told of events. */
export const CHANNELS = ["webhook", "program"] as const;
export type ChannelName = (typeof CHANNELS)[number];

/** An event that waits to be told. */
export interface Waiting {
  /** Its id. */
  readonly event: number;
  /** How often it was tried in vain. */
  readonly attempts: number;
}

/** How a channel fares. */
export interface ChannelStanding {
  readonly channel: ChannelName;
  /** Not tried again before. Milliseconds since 1970. */
  readonly due_at_ms: number;
  /** Tries in a row that failed. */
  readonly failures: number;
  /** Why the last one failed; "" where it did not. */
  readonly error: string;
  readonly delivered: number;
  readonly delivered_at_ms: number | null;
  /** Events that were never told. */
  readonly given_up: number;
  /** Events that are still to be told. */
  readonly waiting: number;
}

/** What goes into the outbox. */
export interface Filling {
  readonly channels: readonly ChannelName[];
  /** Kinds of events that are told. */
  readonly kinds: readonly string[];
  /** Where nobody was told of anything so far: from this time on. Milliseconds since 1970. */
  readonly from_ms: number;
}

/** A try that failed. */
export interface Failure extends Waiting {
  /** In words. */
  readonly error: string;
  /** When the event is tried again. Milliseconds since 1970. */
  readonly due_at_ms: number;
  /** When the channel is. */
  readonly channel_due_at_ms: number;
}

/** What is not waited for any longer. */
export interface Limits {
  readonly attempts: number;
  /** Events from before this time. Milliseconds since 1970. */
  readonly before_ms: number;
  /** More than so many do not wait: the oldest go. */
  readonly waiting: number;
}

/** Tables `outbox_filled`, `outbox` and `channel`: which events are still to be told to whom. */
export class Outbox {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Somebody is told of events. */
  isOpen(): boolean {
    return this.#filled() !== undefined;
  }

  /** There may be something to tell now. @param now_ms milliseconds since 1970 */
  isDue(now_ms: number): boolean {
    const filled = this.#filled();
    if (filled === undefined) return false;
    if (this.#newest() > filled) return true;
    const sql = `SELECT 1 FROM outbox JOIN channel USING (channel)
      WHERE outbox.due_at_ms <= ? AND channel.due_at_ms <= ? LIMIT 1`;
    return this.#db.get(sql, now_ms, now_ms) !== undefined;
  }

  /** Puts in what happened since it was filled last; what waits for a channel that is no more goes. */
  fill({ channels, kinds, from_ms }: Filling): void {
    this.#db.transaction(() => {
      const names = JSON.stringify(channels);
      this.#db.run(
        "DELETE FROM channel WHERE channel NOT IN (SELECT value FROM json_each(?))",
        names,
      );
      this.#db.run(
        "INSERT OR IGNORE INTO channel SELECT value, 0, 0, '', 0, NULL, 0 FROM json_each(?)",
        names,
      );
      const filled = this.#filled();
      this.#db.run(
        `INSERT OR IGNORE INTO outbox SELECT channel, event.id, 0, 0 FROM event, channel
         WHERE event.id > ? AND at_ms >= ? AND kind IN (SELECT value FROM json_each(?))`,
        filled ?? 0,
        filled === undefined ? from_ms : 0,
        JSON.stringify(kinds),
      );
      this.#db.run("INSERT OR REPLACE INTO outbox_filled VALUES (1, ?)", this.#newest());
    });
  }

  /** Nobody is told any more. */
  empty(): void {
    this.#db.transaction(() => {
      this.#db.run("DELETE FROM channel");
      this.#db.run("DELETE FROM outbox_filled");
    });
  }

  /** What is to be tried now: what was tried least, then what happened first. */
  next(channel: ChannelName, now_ms: number): Waiting | undefined {
    return this.#db.get<Waiting>(
      `SELECT event, attempts FROM outbox JOIN channel USING (channel)
       WHERE channel = ? AND outbox.due_at_ms <= ? AND channel.due_at_ms <= ?
       ORDER BY attempts, event LIMIT 1`,
      channel,
      now_ms,
      now_ms,
    );
  }

  /** It was told. */
  deliver(channel: ChannelName, event: number, now_ms: number): void {
    this.#db.transaction(() => {
      this.#remove(channel, event);
      this.#db.run(
        `UPDATE channel SET due_at_ms = 0, failures = 0, error = '',
           delivered = delivered + 1, delivered_at_ms = ? WHERE channel = ?`,
        now_ms,
        channel,
      );
    });
  }

  /** It was tried in vain. */
  fail(channel: ChannelName, { event, error, due_at_ms, channel_due_at_ms }: Failure): void {
    this.#db.transaction(() => {
      this.#db.run(
        "UPDATE outbox SET attempts = attempts + 1, due_at_ms = ? WHERE channel = ? AND event = ?",
        due_at_ms,
        channel,
        event,
      );
      this.#db.run(
        "UPDATE channel SET due_at_ms = ?, failures = failures + 1, error = ? WHERE channel = ?",
        channel_due_at_ms,
        error,
        channel,
      );
    });
  }

  /** Takes out what has waited for too long, and what is no longer on record. @returns how many */
  giveUp(channel: ChannelName, { attempts, before_ms, waiting }: Limits): number {
    return this.#db.transaction(() => {
      const { changes } = this.#db.run(
        `DELETE FROM outbox WHERE channel = ? AND (
           attempts >= ?
           OR event NOT IN (SELECT id FROM event WHERE at_ms >= ?)
           OR event NOT IN (SELECT event FROM outbox WHERE channel = ? ORDER BY event DESC LIMIT ?))`,
        channel,
        attempts,
        before_ms,
        channel,
        waiting,
      );
      const sql = "UPDATE channel SET given_up = given_up + ? WHERE channel = ?";
      if (changes > 0) this.#db.run(sql, changes, channel);
      return changes;
    });
  }

  /** Of the channels there are. */
  standings(): ChannelStanding[] {
    return this.#db.all<ChannelStanding>(
      `SELECT channel, due_at_ms, failures, error, delivered, delivered_at_ms, given_up,
         (SELECT count(*) FROM outbox WHERE outbox.channel = channel.channel) AS waiting
       FROM channel ORDER BY channel DESC`,
    );
  }

  #remove(channel: ChannelName, event: number): void {
    this.#db.run("DELETE FROM outbox WHERE channel = ? AND event = ?", channel, event);
  }

  /** Id of the last event that was looked at; undefined where nobody is told. */
  #filled(): number | undefined {
    return this.#db.get<{ event: number }>("SELECT event FROM outbox_filled")?.event;
  }

  #newest(): number {
    return this.#db.get<{ id: number | null }>("SELECT max(id) AS id FROM event")?.id ?? 0;
  }
}
