/** What repeated measurements of one thing came to. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly count: number;
}

/** @throws {RangeError} of nothing */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [below, above] = [sorted[middle - 1], sorted[middle]];
  if (above === undefined) throw new RangeError("no median of no values");
  return sorted.length % 2 === 1 || below === undefined ? above : (below + above) / 2;
}

/** @throws {RangeError} of nothing */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return {
    median: median(sorted),
    min: sorted[0]!,
    max: sorted.at(-1)!,
    count: sorted.length,
  };
}

/**
 * The ratio of each pair, and then their median: a machine that is slower for a while is so for both of a
 * pair, and falls out of the ratio. (The ratio of two medians would keep it.)
 *
 * @throws {RangeError} where the values do not pair up, or one divides by nothing
 */
export function ratioSpread(over: readonly number[], under: readonly number[]): Spread {
  if (over.length !== under.length) {
    throw new RangeError(`${over.length} values do not pair up with ${under.length}`);
  }
  return spread(over.map((value, index) => {
    const base = under[index]!;
    if (base === 0) throw new RangeError("a ratio to 0");
    return value / base;
  }));
}

/** The differences of pairs. @throws {RangeError} where the values do not pair up */
export function differenceSpread(of: readonly number[], from: readonly number[]): Spread {
  if (of.length !== from.length) {
    throw new RangeError(`${of.length} values do not pair up with ${from.length}`);
  }
  return spread(of.map((value, index) => value - from[index]!));
}
