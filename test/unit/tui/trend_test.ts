import assert from "node:assert/strict";
import fc from "fast-check";
import {
  backendRate,
  extended,
  growth,
  parts,
  rateNow,
  type Series,
  type Tally,
  TREND_MS,
} from "../../../lib/tui/trend.ts";
import { sparkline } from "../../../lib/tui/view/signs.ts";
import { count, countdown, duration, rate } from "../../../lib/tui/words.ts";

/** Looks at these moments, at a total that `totalAt` tells. */
function seen(times_ms: readonly number[], totalAt: (at_ms: number) => number): Series {
  return times_ms.reduce<Series>((series, at_ms) => extended(series, at_ms, totalAt(at_ms)), []);
}

/** A look every so often for so long. */
function looks(every_ms: number, for_ms: number): number[] {
  return Array.from({ length: Math.floor(for_ms / every_ms) + 1 }, (_, index) => index * every_ms);
}

Deno.test("what grows evenly has the same rate, however often it is looked at", () => {
  const gaps = fc.array(fc.integer({ min: 200, max: 60_000 }), { minLength: 1, maxLength: 80 });
  fc.assert(fc.property(gaps, fc.integer({ min: 0, max: 10_000 }), (pauses, per_second) => {
    let at_ms = 0;
    const times = [0, ...pauses.map((pause) => at_ms += pause)];
    const found = rateNow(seen(times, (now_ms) => now_ms / 1000 * per_second));
    assert.ok(Math.abs(found! - per_second) < 1e-6 * (1 + per_second), `${found}`);
  }));
});

Deno.test("ten minutes are kept, however long is watched, and a look every two seconds is thinned", () => {
  const series = seen(looks(2_000, 3_600_000), (at_ms) => at_ms);
  assert.ok(series.length <= 2 * (TREND_MS / 5_000 + 3), `${series.length}`);
  const now_ms = series.at(-2)!;
  assert.ok(parts(series, now_ms, 10).every((part) => Math.abs(part! - TREND_MS / 10) < 1e-6));
});

Deno.test("growth of a time is the sum of that of its parts", () => {
  const series = seen(looks(7_000, 120_000), (at_ms) => at_ms ** 2 / 1e6);
  const whole = growth(series, 10_000, 110_000)!;
  const halves = growth(series, 10_000, 61_000)! + growth(series, 61_000, 110_000)!;
  assert.ok(Math.abs(whole - halves) < 1e-6);
});

Deno.test("a total that is counted anew is no growth, and none that is negative", () => {
  const series = seen(
    [0, 10_000, 20_000, 30_000],
    (at_ms) => at_ms < 20_000 ? 100_000 + at_ms : at_ms,
  );
  assert.equal(growth(series, 10_000, 20_000), 0);
  assert.equal(growth(series, 0, 30_000), 10_000 + 10_000);
});

Deno.test("where the clock is put back rates begin anew, and do not stay as they were", () => {
  const times = [...looks(2_000, 600_000), 10_000, 15_000, 20_000];
  let total = 0;
  const series = seen(times, () => total += 50);
  assert.equal(series.at(-2), 20_000);
  assert.equal(rateNow(series), 10);
});

Deno.test("what is not known is blank, and what is not counted is not zero", () => {
  const series = seen([300_000, 310_000, 600_000], (at_ms) => at_ms);
  assert.deepEqual(parts(series, 600_000, 2).map((part) => part !== undefined), [false, true]);
  assert.equal(rateNow(extended([], 0, null)), undefined);
  assert.equal(rateNow(extended([], 0, 7)), undefined);
});

Deno.test("a backend's rate is that of the last ten seconds", () => {
  const tally = (at_s: number, total: number): Tally => (
    { at_ms: at_s * 1_000, opened: new Map([[1, total]]) }
  );
  const tallies = [tally(0, 0), tally(14, 100), tally(16, 120), tally(24, 180)];
  assert.equal(backendRate(tallies, 1), 8);
  assert.equal(backendRate(tallies, 2), undefined);
  assert.equal(backendRate(tallies.slice(-1), 1), undefined);
  const dear = [tally(0, 0), tally(25, 100), tally(50, 150)];
  assert.equal(backendRate(dear, 1), 2, "of looks that are rare, between the last two");
});

Deno.test("a curve shows nothing, something and the most there was apart", () => {
  assert.equal(sparkline([undefined, 0, 0.001, 50, 100]), " ▁▂▅█");
  assert.equal(sparkline([0, 0]), "▁▁");
});

Deno.test("figures are short, and tell not known from zero", () => {
  assert.deepEqual([0, 17, 9_999, 10_000, 12_345, 99_960, 1_234_567].map(count), [
    ...["0", "17", "9999", "10.0k", "12.3k", "100k", "1.2M"],
  ]);
  assert.deepEqual([undefined, 0, 0.01, 0.25, 9.94, 9.96, 480].map(rate), [
    ...["–", "0", "<0.1", "0.3", "9.9", "10", "480"],
  ]);
  assert.deepEqual([0, 42_000, 100_000, 187_000, 3_723_000].map(countdown), [
    ...["0 s", "42 s", "1:40", "3:07", "1:02:03"],
  ]);
  assert.deepEqual([-5, 119_000, 120_000, 7_200_000, 200_000_000].map(duration), [
    ...["0 s", "119 s", "2 min", "2 h", "2 d"],
  ]);
});
