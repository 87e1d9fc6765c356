/** What the guest measures of the delay, as one line of JSON. */

/** One scenario on one set-up. */
export interface DelayRow {
  readonly scenario: string;
  readonly setup: string;
  readonly connections: number;
  /** Of them over half a second. */
  readonly slow: number;
  /** Of them at the backend that was not to have any. */
  readonly dead: number;
  readonly longest_ms: number;
}

/** How fast a remedy is, one number for each round. */
export interface RateRow {
  readonly setup: string;
  readonly per_second: readonly number[];
}

export interface DelayResult {
  readonly kernel: string;
  readonly rows: readonly DelayRow[];
  readonly rates: readonly RateRow[];
  /** What the backends' listeners turned away themselves: as their queue was full, and for any reason. */
  readonly overflows: number;
  readonly drops: number;
}
