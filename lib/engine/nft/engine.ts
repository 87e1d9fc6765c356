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
import { listingFingerprints, parseEntries, readSnapshot } from "./listing.ts";
import { type NftPlan, planNft } from "./plan.ts";
import { listTable, runTransaction } from "./program.ts";
import { backendNames, idOfCounter } from "./names.ts";
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

async function observe(kernel: Kernel, committed?: Committed): Promise<Snapshot> {
  const listing = await listTable(kernel);
  return listing === undefined ? EMPTY_SNAPSHOT : readSnapshot(parseEntries(listing), committed);
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
 * beside our source. That is sound only if nothing else was committed in between, which the generation
 * tells: every transaction in the network namespace adds one (nf_tables_api.c, nf_tables_commit).
 */
async function apply(
  kernel: Kernel,
  plan: NftPlan,
  committed?: Committed,
): Promise<Applied<Snapshot>> {
  const before = readGeneration(kernel.sockets);
  // An empty script would move no generation.
  if (plan.script === "") throw new TypeError("a plan without changes is not applied");
  await commit(kernel, plan);
  const listing = await listTable(kernel);
  if (readGeneration(kernel.sockets) !== before + 1) {
    throw new StalePlanError("something else changed nftables at the same moment");
  }
  const entries = listing === undefined ? [] : parseEntries(listing);
  const recorded = record(plan, listingFingerprints(entries), committed);
  const have = listing === undefined ? EMPTY_SNAPSHOT : readSnapshot(entries, recorded);
  return { committed: recorded, have, stamp: `${before + 1}` };
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
  const listing = await listTable(kernel);
  const snapshot = listing === undefined ? EMPTY_SNAPSHOT : readSnapshot(parseEntries(listing));
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
