/** What was counted of services, from minute to minute and from month to month. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  isSampleDue,
  ratesBetween,
  type Sample,
  SAMPLES_MAX,
  stretchFor,
  surplusTimes,
} from "../../../lib/model/sample.ts";
import { inStore } from "./folder.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** Where spans of every length begin. */
const T0 = 20_000 * DAY;

function sample(service: string, at_ms: number, new_connections: number | null = 0): Sample {
  return { service, at_ms, new_connections, active_connections: 3, bytes_in: null, bytes_out: 0 };
}

/** What is left of samples that were taken one after the other, each thinned as it came. */
function kept(times: Iterable<number>, stretch = 1): number[] {
  let all: number[] = [];
  for (const at_ms of times) {
    const gone = new Set(surplusTimes([...all, at_ms], at_ms, stretch));
    all = [...all, at_ms].filter((time) => !gone.has(time));
  }
  return all;
}

function* every(step_ms: number, until_ms: number): Generator<number> {
  for (let at_ms = T0; at_ms <= until_ms; at_ms += step_ms) yield at_ms;
}

Deno.test(
  "samples come back as they were, oldest first, from a time on",
  inStore(({ samples }) => {
    const first = [sample("web", T0, 1), sample("dns", T0, null)];
    const second = [sample("web", T0 + MINUTE, 2)];
    samples.add(first);
    samples.add(second);
    assert.deepEqual(samples.since(0), [...first, ...second]);
    assert.deepEqual(samples.since(T0 + 1), second);
    assert.deepEqual(samples.lastBefore(T0 + MINUTE), first);
    assert.deepEqual(samples.lastBefore(T0), []);
    assert.equal(samples.lastAt(), T0 + MINUTE);
  }),
);

Deno.test(
  "what comes too soon after another is not kept, nor what a clock ahead of its time has left",
  inStore(({ samples }) => {
    assert.equal(samples.isDue(T0), true);
    samples.add([sample("web", T0)]);
    assert.equal(samples.isDue(T0 + 9_999), false);
    assert.equal(samples.isDue(T0 + 10_000), true);
    samples.add([sample("web", T0 + 9_999)]);
    samples.add([sample("web", T0 + DAY)]);
    assert.deepEqual(samples.since(0).map(({ at_ms }) => at_ms), [T0, T0 + DAY]);
    assert.equal(samples.isDue(T0 + MINUTE), true, "the clock was put right");
    samples.add([sample("web", T0 + MINUTE)]);
    assert.deepEqual(samples.since(0).map(({ at_ms }) => at_ms), [T0, T0 + MINUTE]);
  }),
);

Deno.test("every sample of an hour is kept, then one in 5 minutes, then one an hour, for 30 days", () => {
  const now_ms = T0 + 32 * DAY;
  const old = kept(every(MINUTE, now_ms - 2 * HOUR));
  let all = [...old];
  for (let at_ms = now_ms - 2 * HOUR + 10_000; at_ms <= now_ms; at_ms += 10_000) {
    all.push(at_ms);
  }
  const gone = new Set(surplusTimes(all, now_ms, 1));
  all = all.filter((at_ms) => !gone.has(at_ms));
  const between = (from_ms: number, to_ms: number) =>
    all.filter((at_ms) => now_ms - at_ms > from_ms && now_ms - at_ms <= to_ms).length;
  assert.equal(between(-1, HOUR), 361);
  assert.ok(Math.abs(between(HOUR, DAY) - 276) <= 2, `${between(HOUR, DAY)} in the day`);
  assert.ok(Math.abs(between(DAY, 30 * DAY) - 696) <= 2, `${between(DAY, 30 * DAY)} in the month`);
  assert.equal(between(30 * DAY, Infinity), 0);
});

Deno.test("what is kept has a bound, however many services there are and whenever samples come", () => {
  for (const services of [1, 375, 1_000, 10_000, 100_000]) {
    const stretch = stretchFor(services);
    const all = kept(every(20 * MINUTE, T0 + 31 * DAY), stretch);
    const recent = kept(every(5 * SECOND, T0 + 90 * MINUTE), stretch);
    // A span at either end of each tier may be cut.
    const bound = SAMPLES_MAX + 6 * services;
    assert.ok((all.length + recent.length) * services <= bound, `${services} services`);
  }
  assert.equal(stretchFor(375), 1);
  assert.equal(stretchFor(10_000), 27);
});

Deno.test("whatever is thinned, the spans that had a sample have one, as long as they are in their tier", () => {
  const gaps = fc.array(fc.integer({ min: 1, max: 30 * MINUTE }), { minLength: 1, maxLength: 200 });
  fc.assert(fc.property(gaps, (gaps) => {
    const times = gaps.reduce<number[]>((all, gap) => [...all, (all.at(-1) ?? T0) + gap], []);
    const now_ms = times.at(-1)!;
    const left = new Set(kept(times));
    const spansOf = (all: Iterable<number>) =>
      new Set(
        Array.from(all).filter((at) => now_ms - at <= HOUR).map((at) => Math.floor(at / 10_000)),
      );
    assert.deepEqual(spansOf(left), spansOf(times));
    assert.equal([...left].filter((at) => now_ms - at <= HOUR).length, spansOf(times).size);
  }));
});

Deno.test("with more services samples are taken less often", () => {
  const last = { at_ms: T0, services: 10_000 };
  assert.equal(isSampleDue(last, T0 + 200 * SECOND), false);
  assert.equal(isSampleDue(last, T0 + 270 * SECOND), true);
});

Deno.test("rates are what came about a second; of what was not counted nothing is known", () => {
  const rates = ratesBetween(sample("web", T0, 100), sample("web", T0 + 20_000, 150));
  assert.deepEqual(rates, {
    new_per_second: 2.5,
    bytes_in_per_second: null,
    bytes_out_per_second: 0,
  });
  assert.equal(ratesBetween(sample("web", T0), sample("web", T0)), undefined);
  const fewer = ratesBetween(sample("web", T0, 100), sample("web", T0 + 1, 99));
  assert.equal(fewer?.new_per_second, null, "a backend has left, with its count");
});
