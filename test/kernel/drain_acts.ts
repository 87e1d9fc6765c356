/** What drains do on every engine that keeps connections. */
import assert from "node:assert/strict";
import type { Family } from "../../lib/model/address.ts";
import {
  applyText,
  deadlineOf,
  draining,
  drainWords,
  first,
  hasNft,
  heldBy,
  leavesNothing,
  newOnes,
  openAll,
  scale,
  type Told,
  wait,
} from "./drain_rig.ts";
import type { Ending } from "./drain_inside.ts";
import type { Lab } from "./harness.ts";
import { PATIENCE } from "./patience.ts";

/** An emulated machine is slow to begin, but what is measured from a deadline on does not take long. */
const SLOWNESS = Math.min(PATIENCE, 4);

/** Seconds from the drain to the cut, and how long its rules are there. */
const DEADLINE_S = 4 * SLOWNESS;
const CUT_S = 10;

/** Of each kind at each backend: a hundred downloads and ten that say nothing, where that is no burden. */
const COUNTS = PATIENCE > 1 ? { short: 10, long: 10, idle: 4 } : { short: 50, long: 50, idle: 10 };

/** A hundred downloads on a backend that drains, under `lb reconcile --every`. */
export async function cutAtDeadline(lab: Lab, engine: string, family: Family): Promise<void> {
  await applyText(lab, draining(engine, DEADLINE_S));
  const connections = await openAll(lab, family, COUNTS);
  // Passes are so far apart that none of them is at the deadline.
  const seconds = DEADLINE_S + CUT_S + 4 * SLOWNESS;
  const every = [`--every`, `${seconds - 1}s`, "--for", `${seconds}s`];
  const passes = lab.balancer.json<Told>(0, "reconcile", ...every);
  // It is waited for below; a test that fails before that has enough to say.
  passes.catch(() => {});
  await wait(1_000 * SLOWNESS);
  const begun = await scale(lab, "--drain", first(family).name);
  const deadline_ms = await deadlineOf(lab, family);
  assert.match(
    drainWords(begun)[0] ?? "",
    /drains: no new connections, what is left is cut in \d+ s/,
  );
  assert.deepEqual(await newOnes(lab, family), ["b2"]);
  assert.ok(Date.now() < deadline_ms, "new connections were asked for before the cut");
  await wait(deadline_ms + (1 + SLOWNESS) * 1000 - Date.now());
  const held = await heldBy(lab, 0);
  // Without nft a silent backend hears of it when it says something.
  const held_max = await hasNft(lab) ? 0 : COUNTS.idle;
  assert.ok(held <= held_max, `the backend was not told of ${held} connections`);
  const told = drainWords(await passes);
  assert.match(told.join("\n"), /is at its deadline: \d+ connections cut$/);
  assert.match(told.join(), new RegExp(`: ${COUNTS.long + COUNTS.idle} connections`));
  await leavesNothing(lab, family);
  judge(await connections.close(), deadline_ms);
}

function judge(endings: readonly Ending[], deadline_ms: number): void {
  const ends = (backend: string, kind: Ending["kind"]) =>
    endings.filter((one) => one.backend === backend && one.kind === kind);
  for (const kind of ["short", "long", "idle"] as const) {
    assert.equal(ends("b1", kind).length, COUNTS[kind], `${kind} at b1`);
    const expected = kind === "short" ? "whole" : "open";
    assert.deepEqual(new Set(ends("b2", kind).map(({ end }) => end)), new Set([expected]));
  }
  assert.deepEqual(new Set(ends("b1", "short").map(({ end }) => end)), new Set(["whole"]));
  for (const { kind, end, at_ms } of [...ends("b1", "long"), ...ends("b1", "idle")]) {
    assert.equal(end, "reset", kind);
    const late_ms = at_ms - deadline_ms;
    assert.ok(Math.abs(late_ms) < 1_000 * PATIENCE, `${kind} was cut ${late_ms} ms late`);
  }
}
