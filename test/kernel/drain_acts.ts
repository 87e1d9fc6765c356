/** What drains do on every engine that keeps connections. */
import assert from "node:assert/strict";
import type { Family } from "../../lib/model/address.ts";
import {
  applyText,
  deadlineOf,
  draining,
  drainWords,
  first,
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

/** Seconds that the rules of a cut are there. */
const CUT_S = 10;

/** Where a program takes a quarter of a minute to start, no more can be told than that it happens. */
const LATE_MS_MAX = PATIENCE > 1 ? 60_000 : 1_000;

/** How much is asked of a machine. */
interface Load {
  /** Of each kind at each backend. */
  readonly counts: Readonly<Record<Ending["kind"], number>>;
  /** From the drain to the cut: long enough for what is looked at in between. */
  readonly deadline_s: number;
}

/** A hundred downloads, half of which end in time, and ten connections that say nothing. */
const HUNDRED: Load = { counts: { short: 50, long: 50, idle: 10 }, deadline_s: 8 };

/** IPVS is on emulated machines more often than on ours. */
const FEW: Load = { counts: { short: 5, long: 5, idle: 2 }, deadline_s: PATIENCE > 1 ? 20 : 8 };

/** Who ends a drain on time. */
type Ender = (lab: Lab, name: string, deadline_s: number) => Promise<{
  /** What was told of it, when it was over. */
  readonly told: Promise<Told>;
  /** By then the rules of the cut are gone. */
  readonly isClear: boolean;
}>;

/** `lb reconcile --every`, with passes so far apart that none of them is at the deadline. */
export const byPasses: Ender = async (lab, name, deadline_s) => {
  const seconds = deadline_s + CUT_S + 4 * SLOWNESS;
  const every = ["--every", `${seconds - 1}s`, "--for", `${seconds}s`];
  const told = lab.balancer.json<Told>(0, "reconcile", ...every);
  // A test that fails before it is waited for has enough to say.
  told.catch(() => {});
  await wait(1_000 * SLOWNESS);
  await scale(lab, "--drain", name);
  return { told, isClear: true };
};

/** `lb scale --wait` */
export const byWaiting: Ender = (lab, name) => {
  const told = scale(lab, "--drain", name, "--wait");
  told.catch(() => {});
  return Promise.resolve({ told, isClear: false });
};

/** Downloads on a backend that drains. */
export async function cutAtDeadline(
  lab: Lab,
  engine: string,
  family: Family,
  begin: Ender,
): Promise<void> {
  const { counts, deadline_s } = engine === "ipvs" ? FEW : HUNDRED;
  await applyText(lab, draining(engine, deadline_s));
  const connections = await openAll(lab, family, counts);
  const { told, isClear } = await begin(lab, first(family).name, deadline_s);
  const deadline_ms = await deadlineOf(lab, family);
  assert.deepEqual(await newOnes(lab, family), ["b2"]);
  const early_ms = deadline_ms - Date.now();
  // An emulated machine may come too late for that; the backend gets none after the cut, either.
  assert.ok(early_ms > 0 || PATIENCE > 1, `asked for new ones ${-early_ms} ms after the cut`);
  const words = drainWords(await told).join("\n");
  const count = counts.long + counts.idle;
  assert.match(words, new RegExp(`deadline: ${count} connections cut`));
  await wait(500 * SLOWNESS);
  assert.equal(await heldBy(lab, 0), 0, "the backend was told, too");
  await leavesNothing(lab, family, isClear);
  judge(await connections.close(), counts, deadline_ms);
}

function judge(
  endings: readonly Ending[],
  counts: Load["counts"],
  deadline_ms: number,
): void {
  const ends = (backend: string, kind: Ending["kind"]) =>
    endings.filter((one) => one.backend === backend && one.kind === kind);
  for (const kind of ["short", "long", "idle"] as const) {
    assert.equal(ends("b1", kind).length, counts[kind], `${kind} at b1`);
    const expected = kind === "short" ? "whole" : "open";
    assert.deepEqual(new Set(ends("b2", kind).map(({ end }) => end)), new Set([expected]));
  }
  assert.deepEqual(new Set(ends("b1", "short").map(({ end }) => end)), new Set(["whole"]));
  for (const { kind, end, at_ms } of [...ends("b1", "long"), ...ends("b1", "idle")]) {
    assert.equal(end, "reset", kind);
    const late_ms = at_ms - deadline_ms;
    assert.ok(Math.abs(late_ms) < LATE_MS_MAX, `${kind} was cut ${late_ms} ms late`);
  }
}
