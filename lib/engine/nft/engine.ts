import { KernelError } from "../../model/error.ts";
import { fitsMark } from "../../model/mark.ts";
import type { DesiredState } from "../../model/state.ts";
import { countActive } from "../../netlink/conntrack/count.ts";
import { awaitCommit, generationOf, readGeneration } from "../../netlink/nft/generation.ts";
import { dumpCounters } from "../../netlink/nft/object.ts";
import { withNft } from "../../netlink/nft/table.ts";
import type { Kernel } from "../../sys/ports.ts";
import {
  type Applied,
  type BackendCounters,
  type Committed,
  type Engine,
  type Look,
  StalePlanError,
} from "../engine.ts";
import { desiredSnapshot, narrowed } from "./desired.ts";
import { driftOf } from "./drift.ts";
import { idOfCounter } from "./names.ts";
import { observeTables } from "./observe.ts";
import { type NftPlan, planNft } from "./plan.ts";
import { runTransaction } from "./program.ts";
import { readBack } from "./read_back.ts";
import type { Counter, Snapshot } from "./snapshot.ts";
import { needsOfNft, supportsNft } from "./supports.ts";
import { INET_NAT, layouts, tableId } from "./table.ts";

/** Errnos by which a plan against an older state fails: what it deletes is gone, what it creates is there. */
const STALE_ERRNOS = new Set(["ENOENT", "EEXIST"]);

/** Balancing in the kernel by nft maps: tables of lb's own, changed in one transaction at a time. */
export const nftEngine: Engine<Snapshot, NftPlan> = {
  name: "nft",
  requires: [
    "nft-program",
    "net-admin",
    "nft-nat",
    "nft-numgen",
    "nft-jhash",
    "nft-vmap",
    "nft-reject",
    "nft-masquerade",
    "nft-ct-mark",
    "nft-counter",
  ],
  variants: [INET_NAT],
  needs: needsOfNft,
  supports: supportsNft,
  desired: desiredSnapshot,
  narrowed,
  stamp: ({ sockets }) => `${readGeneration(sockets)}`,
  observe: (kernel, committed) => Promise.resolve(look(kernel, committed)),
  drift: driftOf,
  plan: planNft,
  apply,
  totals: ({ tables }) => countsOf([...tables.values()].flatMap(({ counters }) => [...counters])),
  counters,
};

/** Somebody who changes nftables faster than it can be read does not stop soon. */
const LOOKS_MAX = 20;

/** All of it at a moment when nobody was changing anything. */
function look({ sockets }: Kernel, committed?: Committed): Look<Snapshot> {
  return withNft(sockets, (connection) => {
    for (let attempt = 0; attempt < LOOKS_MAX; attempt++) {
      const generation = generationOf(connection);
      awaitCommit(connection);
      const have = observeTables(connection, committed);
      if (generationOf(connection) === generation) return { have, stamp: `${generation}` };
    }
    throw new StalePlanError("nftables changes faster than it can be read");
  });
}

/**
 * The generation moves by one with every transaction of anyone. Where it moved by one from right before ours
 * until the rules were read back, they are ours; else nobody could tell, and all of them are written again.
 * Where nothing moved it since the plan was made either, the kernel holds what was planned.
 */
async function apply(kernel: Kernel, plan: NftPlan, stamp: string): Promise<Applied> {
  if (plan.changes.length === 0) throw new TypeError("a plan without changes is not applied");
  const before = readGeneration(kernel.sockets);
  await commit(kernel, plan);
  const { objects, generation } = withNft(kernel.sockets, (connection) => ({
    objects: readBack(connection, plan),
    generation: generationOf(connection),
  }));
  if (generation !== nextGeneration(before)) {
    const words = "somebody else changed nftables while lb did";
    throw new StalePlanError(words, { hasLanded: true });
  }
  const isWhole = [...plan.written.values()].every((written) => written.isWhole);
  return { objects, isWhole, stamp: before === Number(stamp) ? `${generation}` : undefined };
}

/** A 32-bit counter that leaves out 0 (nf_tables_commit, net/netfilter/nf_tables_api.c). */
function nextGeneration(generation: number): number {
  return (generation + 1) >>> 0 || 1;
}

async function commit(kernel: Kernel, plan: NftPlan): Promise<void> {
  try {
    await runTransaction(kernel, plan);
  } catch (error) {
    if (error instanceof KernelError && STALE_ERRNOS.has(error.refusal.errno ?? "")) {
      throw new StalePlanError("the table changed since the plan was made", { cause: error });
    }
    throw error;
  }
}

async function counters(kernel: Kernel, state: DesiredState): Promise<BackendCounters[]> {
  const tables = layouts(state.lacks.includes(INET_NAT)).map(({ table }) => tableId(table));
  const counted = countsOf(
    withNft(
      kernel.sockets,
      (connection) =>
        tables.flatMap((table) =>
          dumpCounters(connection, table).map((counter) => [counter.name, counter] as const)
        ),
    ),
  );
  const active = countActive(kernel.sockets, state.marks);
  return await Promise.resolve(
    state.services.flatMap(({ backends }) => backends).map(({ id }) => ({
      id,
      new_connections: counted.get(id) ?? 0,
      active_connections: fitsMark(state.marks, id) ? active.get(id) ?? 0 : null,
      // Byte counts would take conntrack accounting, which costs memory per connection (nf_conntrack_acct).
      bytes_in: null,
      bytes_out: null,
    })),
  );
}

function countsOf(counters: readonly (readonly [string, Counter])[]): Map<number, number> {
  return new Map(counters.flatMap(([name, { packets }]) => {
    const id = idOfCounter(name);
    return id === undefined ? [] : [[id, packets] as const];
  }));
}
