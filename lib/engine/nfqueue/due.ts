/** A backlog that does not end is no reason to count wrong for longer. */
const BACKLOG_MS_MAX = 1_000;

/** Reading all entries takes a tenth of a thread's time at most, and where it is only to be sure, a fiftieth. */
const REST_FACTOR = 10;
const SURE_FACTOR = 50;
const SURE_MS_MIN = 5_000;

/** When all entries are to be read. Times are those of one clock. */
export class Due {
  /** Since when events are known to be lost, and not yet made up for. */
  #lost_since_ms: number | undefined;
  #began_ms = 0;
  #ended_ms = 0;

  /** Events got lost: what is known is wrong until all has been read again. */
  lose(now_ms: number): void {
    this.#lost_since_ms ??= now_ms;
  }

  begin(now_ms: number): void {
    this.#lost_since_ms = undefined;
    this.#began_ms = now_ms;
  }

  end(now_ms: number): void {
    this.#ended_ms = now_ms;
  }

  /**
   * @param isDrained all events that waited have been counted: those from before a loss would be taken for news
   * @param unheard connections of whose end no event will tell
   */
  isNow(now_ms: number, isDrained: boolean, unheard: number): boolean {
    const took_ms = this.#ended_ms - this.#began_ms;
    const rested_ms = now_ms - this.#ended_ms;
    if (this.#lost_since_ms === undefined) {
      return unheard > 0 && rested_ms > Math.max(SURE_MS_MIN, SURE_FACTOR * took_ms);
    }
    const isLongAgo = now_ms - this.#lost_since_ms > BACKLOG_MS_MAX;
    return (isDrained || isLongAgo) && rested_ms > REST_FACTOR * took_ms;
  }
}
