/**
 * Weights that follow load, with what comes back of it: shares make loads, and loads shares. Three backends, one
 * of which becomes three times as slow; loads come late, and chance has its part.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { LoadReading } from "../../../lib/model/load.ts";
import {
  costOfConnections,
  costOfFigure,
  costOfTime,
  loadFactors,
  smoothed,
} from "../../../lib/scheduler/load.ts";

/** What a backend shows of itself at a look. */
interface Seen {
  /** Its part of the connections since the last look. */
  readonly share: number;
  /** How much slower it is than others. */
  readonly slowness: number;
}

/** How a scheduler sees a backend. Keeps what it has to know of the looks before. */
type Sight = (random: () => number) => (seen: Seen, factor: number) => LoadReading;

interface World {
  /** Connections there are at once, at each backend, if shares are as they should be. */
  readonly connections: number;
  /** How long a connection lasts, in looks. */
  readonly lasts: number;
  /** How much a measure varies by chance, its standard deviation as a part of it. */
  readonly noise: number;
  /** Looks by which a measure is late. */
  readonly late: number;
  readonly seed: number;
}

/** Marsaglia's xorshift, from 0 up to 1. */
function randomFrom(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Of the normal distribution. */
function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** What was true some looks ago. */
function delayed<Value>(late: number): (now: Value) => Value {
  const values: Value[] = [];
  return (now) => {
    values.push(now);
    return values.at(-1 - late) ?? values[0]!;
  };
}

/** Connections pile up to what comes in their time; counts of them vary by their root. */
const byConnections = ({ connections, lasts, late }: World): Sight => (random) => {
  const past = delayed<number>(late);
  let active = connections;
  return ({ share, slowness }, factor) => {
    const long = lasts * slowness;
    const full = connections * share * 3 * slowness;
    active = full + (active - full) * Math.exp(-1 / long);
    const count = active + Math.sqrt(active) * normal(random) * COUNT_NOISE;
    return costOfConnections(Math.max(0, Math.round(past(count))), 1, factor);
  };
};

/** Of a hundred clients that come back at once when they were served, fewer vary than of many strangers. */
const COUNT_NOISE = 0.5;

/** A check takes its time, and longer where others wait, too: half of all processors is busy if shares are right. */
const byTimes = ({ noise, late }: World): Sight => (random) => {
  const past = delayed<number>(late);
  return ({ share, slowness }) => {
    const busy = Math.min(0.95, share * slowness * 3 * 0.3);
    const time_ms = past(30 * slowness / (1 - busy));
    return costOfTime(time_ms * Math.max(0.1, 1 + noise * normal(random)));
  };
};

/** Processors are as busy as what they are given takes; agents tell of the mean of some looks. */
const byLoads = ({ noise, late, lasts }: World): Sight => (random) => {
  const past = delayed<number>(late);
  let mean = 0.5;
  return ({ share, slowness }, factor) => {
    const busy = Math.min(1, share * slowness * 3 * 0.3);
    mean = busy + (mean - busy) * Math.exp(-1 / lasts);
    const value = past(mean) * Math.max(0.1, 1 + noise * normal(random));
    return costOfFigure({ kind: "load", value }, factor);
  };
};

interface Look {
  /** The slow one's share beside the mean of the others'. */
  readonly ratio: number;
  readonly isChange: boolean;
}

/** @param slow_at the look at which the last backend becomes three times as slow */
function play(sightOf: Sight, world: World, looks: number, slow_at = 0): Look[] {
  const random = randomFrom(world.seed);
  const sights = [0, 1, 2].map(() => sightOf(random));
  const readings: (LoadReading | undefined)[] = [undefined, undefined, undefined];
  let factors = [1, 1, 1];
  return Array.from({ length: looks }, (_, look) => {
    const all = factors.reduce((sum, one) => sum + one);
    for (const [index, see] of sights.entries()) {
      const slowness = index === 2 && look >= slow_at ? 3 : 1;
      const now = see({ share: factors[index]! / all, slowness }, factors[index]!);
      readings[index] = smoothed(readings[index], now);
    }
    const loaded = factors.map((factor, id) => ({ id, weight: 1, factor, reading: readings[id] }));
    const next = loadFactors(loaded);
    const before = factors;
    factors = factors.map((_, id) => next.get(id)!);
    const isChange = factors.some((factor, id) => factor !== before[id]);
    return { ratio: 2 * factors[2]! / (factors[0]! + factors[1]!), isChange };
  });
}

/** As many looks as it may take to come to about a third … */
const LOOKS = 10;

/** … and to stay there. */
const REST = 60;

function world(more: Partial<World> = {}): World {
  return { connections: 200, lasts: 0.3, noise: 0.05, late: 0, seed: 1, ...more };
}

/** Rows of: what shares follow, how it is seen, and the worlds where a look tells of the time since the last. */
const SCHEDULERS = [
  ["connections (lc, wlc)", byConnections],
  ["times of checks (lr)", byTimes],
  ["loads of processors (cpu)", byLoads],
] as const;

for (const [name, sight] of SCHEDULERS) {
  const worlds = fc.record({
    connections: fc.integer({ min: 150, max: 5_000 }),
    lasts: fc.double({ min: 0.05, max: 0.7, noNaN: true }),
    noise: fc.double({ min: 0, max: 0.05, noNaN: true }),
    late: fc.constant(0),
    seed: fc.integer({ min: 1, max: 1_000_000 }),
  });

  Deno.test(`${name}: who is slowed to a third gets about a third within ten looks, and stays there`, () => {
    fc.assert(
      fc.property(worlds, fc.integer({ min: 0, max: 30 }), (world, slow_at) => {
        const played = play(sight(world), world, slow_at + LOOKS + REST, slow_at);
        const after = played.slice(slow_at + LOOKS + world.late);
        const ratios = after.map(({ ratio }) => ratio);
        const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
        assert.ok(least > 0.26 && most < 0.46, `${played.map(({ ratio }) => ratio.toFixed(2))}`);
        const middle = (least + most) / 2;
        assert.ok(most / middle < 1.1 + 0.04, `${ratios.map((one) => one.toFixed(2))}`);
      }),
      { numRuns: 200 },
    );
  });

  Deno.test(`${name}: without chance it comes to rest within forty looks, and is written no more`, () => {
    for (const late of [0, 1, 2]) {
      const played = play(sight(world({ noise: 0, late, connections: 1_000_000 })), world(), 100);
      const last = played.findLastIndex(({ isChange }) => isChange);
      assert.ok(last < 40, `late by ${late}: still at look ${last}`);
    }
  });

  Deno.test(`${name}: what comes two looks late makes it go too far once, by less than two thirds, and come to rest all the same`, () => {
    const late = fc.integer({ min: 1, max: 2 });
    fc.assert(
      fc.property(worlds, late, (world, late) => {
        const ratios = play(sight({ ...world, late }), world, 90, 10).map(({ ratio }) => ratio);
        assert.ok(Math.min(...ratios) > 0.12, `${ratios.map((one) => one.toFixed(2))}`);
        const rest = ratios.slice(50);
        assert.ok(Math.min(...rest) > 0.26 && Math.max(...rest) < 0.46, `${rest}`);
      }),
      { numRuns: 100 },
    );
  });

  Deno.test(`${name}: where all are alike, chance alone moves hardly anything`, () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const played = play(sight(world), world, 200, Infinity);
        const changes = played.filter(({ isChange }) => isChange).length;
        assert.ok(changes <= 20, `${changes} changes in 200 looks`);
        const ratios = played.map(({ ratio }) => ratio);
        assert.ok(Math.min(...ratios) > 0.75 && Math.max(...ratios) < 1.33);
      }),
      { numRuns: 100 },
    );
  });
}

Deno.test("loads that come late make it slower, not wilder: it nears a third from one side, and stays", () => {
  for (const [sight, lasts] of [[byConnections, 12], [byConnections, 40], [byLoads, 12]] as const) {
    const quiet = world({ lasts, noise: 0, connections: 1_000_000 });
    const ratios = play(sight(quiet), quiet, 300).map(({ ratio }) => ratio);
    assert.ok(Math.min(...ratios) > 0.24, `${lasts}: ${Math.min(...ratios)}`);
    const late = ratios.slice(150);
    assert.ok(Math.max(...late) / Math.min(...late) < 1.2, `${lasts}: ${late}`);
    assert.ok(Math.abs(Math.log(late.at(-1)! * 3)) < 0.25, `${lasts}: ${late.at(-1)}`);
  }
});
