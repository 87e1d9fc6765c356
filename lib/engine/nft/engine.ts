import { KernelError } from "../../model/error.ts";
import { fitsMark } from "../../model/mark.ts";
import type { DesiredState } from "../../model/state.ts";
import { countActive } from "../../netlink/conntrack/count.ts";
import { readGeneration } from "../../netlink/nft/generation.ts";
import type { Kernel } from "../../sys/ports.ts";
import {
  type Applied,
  type BackendCounters,
  type Committed,
  type Engine,
  StalePlanError,
} from "../engine.ts";
import { desiredSnapshot } from "./desired.ts";
import { type ListedEntry, listingFingerprints, readSnapshot } from "./listing.ts";
import { type NftPlan, planNft } from "./plan.ts";
import { backendNames, idOfCounter, isDynamic } from "./names.ts";
import { listCounters, listTable, runTransaction } from "./program.ts";
import { EMPTY_SNAPSHOT, objectFingerprints, type Snapshot } from "./snapshot.ts";
import { needsOfNft, supportsNft } from "./supports.ts";

/** Errnos by which a plan against an older state fails: what it deletes is gone, what it creates is there. */
const STALE_ERRNOS = new Set(["ENOENT", "EEXIST"]);

/** Balancing in the kernel by nft maps: one table `inet lb`, changed in one transaction at a time. */
export const nftEngine: Engine<Snapshot, NftPlan> = {
  name: "nft",
  requires: [
    "nft-program",
    "net-admin",
    "nft-inet-nat",
    "nft-numgen",
    "nft-jhash",
    "nft-vmap",
    "nft-reject",
    "nft-masquerade",
    "nft-ct-mark",
    "nft-counter",
  ],
  needs: needsOfNft,
  supports: supportsNft,
  desired: desiredSnapshot,
  stamp: ({ sockets }) => `${readGeneration(sockets)}`,
  observe,
  drift,
  plan: planNft,
  apply,
  totals: ({ counters }) =>
    new Map([...counters].flatMap(([name, { packets }]) => {
      const id = idOfCounter(name);
      return id === undefined ? [] : [[id, packets] as const];
    })),
  counters,
};

/** Somebody who changes nftables faster than it can be listed does not stop soon. */
const LOOKS_MAX = 20;

/** One look at the table, at a moment when nobody was changing it. */
interface Look {
  readonly entries?: readonly ListedEntry[];
  readonly generation: number;
}

/** @returns the generation from before the look: whoever changes something meanwhile makes it another */
async function look(kernel: Kernel, hasDynamic: boolean, hasLanded = false): Promise<Look> {
  for (let attempt = 0; attempt < LOOKS_MAX; attempt++) {
    const generation = readGeneration(kernel.sockets);
    const entries = await listTable(kernel, hasDynamic);
    // One run of nft shows one generation, for it starts anew where that moves; several do not.
    if (!hasDynamic || readGeneration(kernel.sockets) === generation) {
      return { entries, generation };
    }
  }
  throw new StalePlanError("nftables changes faster than it can be listed", { hasLanded });
}

async function observe(kernel: Kernel, committed?: Committed): Promise<Snapshot> {
  const objects = Object.keys(committed?.objects ?? {});
  const { entries } = await look(kernel, !committed || objects.some(isDynamicObject));
  return entries ? readSnapshot(entries, committed) : EMPTY_SNAPSHOT;
}

function isDynamicObject(object: string): boolean {
  return isDynamic(object.slice(object.indexOf(" ") + 1));
}

function drift(have: Snapshot, committed: Committed): readonly string[] {
  // After a removal nothing was committed, and nothing is missing.
  const isExpected = Object.keys(committed.objects).length > 0;
  if (!have.present) return isExpected ? ["table inet lb"] : [];
  const seen = objectFingerprints(have);
  const changed = Object.entries(committed.objects)
    .filter(([object, { source }]) => seen.get(object) !== source)
    .map(([object]) => object);
  const added = [...seen.keys()].filter((object) => !(object in committed.objects));
  return [...changed, ...added, ...have.foreign];
}

/**
 * The kernel does not print rules as they were written, so the listing right after the commit is kept
 * beside our source. A table that bears the token of this very commit holds what it wrote.
 */
async function apply(
  kernel: Kernel,
  plan: NftPlan,
  committed?: Committed,
): Promise<Applied<Snapshot>> {
  await commit(kernel, plan);
  const hasDynamic = [...plan.sources.keys()].some(isDynamicObject);
  const { entries, generation } = await look(kernel, hasDynamic, true);
  const recorded = record(plan, listingFingerprints(entries ?? []), committed);
  const have = entries ? readSnapshot(entries, recorded) : EMPTY_SNAPSHOT;
  refuseForeign(plan, have, entries ?? []);
  return { committed: recorded, have, stamp: `${generation}` };
}

/** Whoever was at the table between the commit and the look left a trace in one of these. */
function refuseForeign(plan: NftPlan, have: Snapshot, entries: readonly ListedEntry[]): void {
  const isRemoval = plan.sources.size === 0;
  const counts = new Map<string, number>();
  for (const { rule } of entries) {
    if (rule) counts.set(String(rule.chain), (counts.get(String(rule.chain)) ?? 0) + 1);
  }
  const isWhole = [...plan.ruleCounts].every(([name, count]) => (counts.get(name) ?? 0) === count);
  if (isRemoval ? !have.present : have.token === plan.token && isWhole) return;
  const words = "somebody else changed the table at the same moment";
  throw new StalePlanError(words, { hasLanded: true });
}

function record(
  plan: NftPlan,
  listings: ReadonlyMap<string, string>,
  committed?: Committed,
): Committed {
  const objects = [...plan.sources].map(([object, source]) => {
    // What the transaction did not touch was found equal to the record, and stays as recorded.
    const known = plan.touches(object) ? undefined : committed?.objects[object]?.listing;
    return [object, { source, listing: known ?? listings.get(object) ?? source }] as const;
  });
  return { token: plan.token, objects: Object.fromEntries(objects) };
}

async function commit(kernel: Kernel, plan: NftPlan): Promise<void> {
  if (plan.script === "") throw new TypeError("a plan without changes is not applied");
  try {
    await runTransaction(kernel, plan.script);
  } catch (error) {
    if (error instanceof KernelError && STALE_ERRNOS.has(error.refusal.errno ?? "")) {
      throw new StalePlanError("the table changed since the plan was made", { cause: error });
    }
    throw error;
  }
}

async function counters(kernel: Kernel, state: DesiredState): Promise<BackendCounters[]> {
  const snapshot = readSnapshot(await listCounters(kernel));
  const active = countActive(kernel.sockets, state.marks);
  return state.services.flatMap(({ backends }) => backends).map(({ id }) => ({
    id,
    new_connections: snapshot.counters.get(backendNames(id).counter)?.packets ?? 0,
    active_connections: fitsMark(state.marks, id) ? active.get(id) ?? 0 : null,
    // Byte counts would take conntrack accounting, which costs memory per connection (nf_conntrack_acct).
    bytes_in: null,
    bytes_out: null,
  }));
}
