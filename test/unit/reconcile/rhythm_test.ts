import assert from "node:assert/strict";
import { runPasses } from "../../../lib/reconcile/rhythm.ts";

/** Passes that take so long each, in milliseconds; the last figure goes for all that follow. */
async function passes(every_ms: number, for_ms: number, takes_ms: readonly (number | "busy")[]) {
  let now_ms = 1_000_000;
  const begun: number[] = [];
  const told: number[] = [];
  const clock = {
    now_ms: () => now_ms,
    sleep: (ms: number) => Promise.resolve(void (now_ms += ms)),
  };
  const count = await runPasses(clock, { every_ms, for_ms }, ({ skipped }) => {
    begun.push(now_ms - 1_000_000);
    told.push(skipped);
    const took = takes_ms[Math.min(begun.length, takes_ms.length) - 1]!;
    if (took !== "busy") now_ms += took;
    return Promise.resolve(took !== "busy");
  });
  return { begun, told, count };
}

Deno.test("passes come at their times, however long they take within them", async () => {
  const { begun, count } = await passes(5_000, 20_000, [100, 4_900, 5_000]);
  assert.deepEqual(begun, [0, 5_000, 10_000, 15_000, 20_000]);
  assert.deepEqual(count, { passes: 5, skipped: 0, untold: 0 });
});

Deno.test("what comes too late for a pass is left out and counted, not made up for", async () => {
  const { begun, told, count } = await passes(5_000, 30_000, [100, 11_000, 100]);
  assert.deepEqual(begun, [0, 5_000, 20_000, 25_000, 30_000]);
  assert.deepEqual(told, [0, 0, 2, 0, 0]);
  assert.deepEqual(count, { passes: 5, skipped: 2, untold: 0 });
});

Deno.test("a pass for which another run leaves no room is left out and counted", async () => {
  const { told, count } = await passes(5_000, 10_000, ["busy", "busy", 100]);
  assert.deepEqual(told, [0, 1, 2]);
  assert.deepEqual(count, { passes: 1, skipped: 2, untold: 0 });
  assert.deepEqual((await passes(5_000, 10_000, ["busy"])).count, {
    passes: 0,
    skipped: 3,
    untold: 3,
  });
});

Deno.test("none begins once the time is up, and what lies behind it is not counted", async () => {
  const { begun, count } = await passes(5_000, 58_000, [100_000]);
  assert.deepEqual([begun, count], [[0], { passes: 1, skipped: 11, untold: 11 }]);
  assert.deepEqual((await passes(1_000, 0, [10])).count, { passes: 1, skipped: 0, untold: 0 });
});

/** Timers wake late, and what they wake for takes a moment to be asked for. */
const LATE_MS = 2;

/** Passes every 5 s for 20 s, and when something is due: by the clock of the passes. */
async function woken(
  due: (now_ms: number) => number | undefined,
  done: (now_ms: number) => void,
  { late_ms = 0, takes_ms = 0, to_end_ms = Infinity } = {},
) {
  let now_ms = 0;
  const clock = {
    now_ms: () => now_ms,
    sleep: (ms: number) => Promise.resolve(void (now_ms += ms + late_ms)),
  };
  const begun: number[] = [];
  const acts: number[] = [];
  const pass = () => {
    begun.push(now_ms);
    now_ms += takes_ms;
    return Promise.resolve(true);
  };
  const wakes = {
    next_ms: () => Promise.resolve(due(now_ms)),
    act() {
      acts.push(now_ms);
      done(now_ms);
      return Promise.resolve();
    },
  };
  const count = await runPasses(clock, { every_ms: 5_000, for_ms: 18_000 }, pass, {
    wakes,
    isToEnd: () => now_ms >= to_end_ms,
  });
  return { begun, acts, count, end_ms: now_ms };
}

Deno.test("between passes it wakes for what is due, at its time, and passes stay where they are", async () => {
  const deadlines = [2_300, 7_100, 12_000];
  const found = await woken(() => deadlines[0], () => deadlines.shift());
  assert.deepEqual(found.acts, [2_300, 7_100, 12_000]);
  assert.deepEqual(found.begun, [0, 5_000, 10_000, 15_000]);
  assert.deepEqual(found.count, { passes: 4, skipped: 0, untold: 0 });
});

Deno.test("what somebody else sets a deadline for meanwhile is seen within a second", async () => {
  let isDone = false;
  const found = await woken(
    (now_ms) => now_ms < 6_200 || isDone ? undefined : 6_500,
    () => isDone = true,
  );
  assert.equal(found.acts.length, 1);
  assert.ok(found.acts[0]! >= 6_500 && found.acts[0]! <= 7_500, `${found.acts[0]}`);
});

Deno.test("after the last pass it stays for what is due before the next run's first", async () => {
  let left = [19_500];
  const found = await woken(() => left[0], () => left = []);
  assert.deepEqual(found.acts, [19_500]);
  assert.ok(found.end_ms < 20_100, `${found.end_ms}`);
  const later = await woken(() => 25_000, () => {});
  assert.deepEqual([later.acts, later.end_ms], [[], 15_000]);
});

Deno.test("a pass that would be under way at a deadline begins at the deadline", async () => {
  const deadlines = [6_500, 13_000, 15_000];
  const due = (now_ms: number) => deadlines.find((each) => each > now_ms);
  const { begun, acts } = await woken(due, () => {}, { takes_ms: 2_000 });
  assert.deepEqual([begun, acts], [[0, 6_500, 10_000, 15_000], []]);
});

Deno.test("deadlines one after the other put no pass off by more than a turn", async () => {
  const due = (now_ms: number) => Math.floor(now_ms / 500 + 1) * 500;
  const { begun, count } = await woken(due, () => {}, { takes_ms: 7_000 });
  assert.deepEqual(begun, [0, 10_500]);
  assert.equal(count.passes, 2);
});

Deno.test("who is asked to end meanwhile begins nothing more", async () => {
  const inPass = await woken(() => undefined, () => {}, { takes_ms: 2_000, to_end_ms: 6_000 });
  assert.deepEqual([inPass.begun, inPass.end_ms], [[0, 5_000], 7_000]);
  assert.deepEqual(inPass.count, { passes: 2, skipped: 0, untold: 0 });
  const inAct = await woken(() => 7_300, () => {}, { to_end_ms: 7_300 });
  assert.deepEqual([inAct.acts, inAct.begun], [[], [0, 5_000]]);
  const atLast = await woken(() => 17_500, () => {}, { takes_ms: 100, to_end_ms: 15_050 });
  assert.deepEqual([atLast.acts, atLast.end_ms], [[], 15_100]);
});

for (const late_ms of [LATE_MS, 700]) {
  Deno.test(`what is due after the last pass is done by a clock that is ${late_ms} ms late, too`, async () => {
    for (const due_ms of [17_000, 18_500]) {
      let left = [due_ms];
      const { acts } = await woken(() => left[0], () => left = [], { late_ms });
      assert.equal(acts.length, 1);
      assert.ok(acts[0]! >= due_ms && acts[0]! <= due_ms + 1_000 + late_ms, `${acts[0]}`);
    }
  });
}

Deno.test("what is due and cannot be done is tried again, and not without a pause", async () => {
  const found = await woken(() => 1_000, () => {});
  assert.ok(found.acts.length > 10 && found.acts.length < 60, `${found.acts.length}`);
  assert.deepEqual(found.begun, [0, 5_000, 10_000, 15_000]);
});
