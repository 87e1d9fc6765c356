import { isRefusal } from "../../model/error.ts";
import { fitsMark, type MarkLayout } from "../../model/mark.ts";
import { familiesOf } from "../../model/service.ts";
import type { DesiredState, PlacedService } from "../../model/state.ts";
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
import { breaks } from "./breaks.ts";
import { desiredSnapshot, narrowed } from "./desired.ts";
import { driftOf } from "./drift.ts";
import { disruptions } from "./ingress/disruptions.ts";
import { explain } from "./why/explain.ts";
import { tellsOpening } from "./ingress/rules.ts";
import { INGRESS_REJECT } from "./ingress/supports.ts";
import { NFT_QUEUE } from "./queue/fill_queue.ts";
import { idOfCounter, serviceNames } from "./names.ts";
import { observeTables } from "./observe.ts";
import { type NftPlan, planNft } from "./plan.ts";
import { runTransaction } from "./program.ts";
import { readBack } from "./read_back.ts";
import type { Counter, Snapshot } from "./snapshot.ts";
import { needsOfNft, NFT_REQUIRES, supportsNft } from "./supports.ts";
import { INET_NAT, tableId, tableNames } from "./table.ts";

/** Errnos by which a plan against an older state fails: what it deletes is gone, what it creates is there. */
const STALE_ERRNOS = ["ENOENT", "EEXIST"];

/** Balancing in the kernel by nft maps: tables of lb's own, changed in one transaction at a time. */
export const nftEngine: Engine<Snapshot, NftPlan> = {
  name: "nft",
  serves: ["nft", "nfqueue"],
  usesNat: true,
  requires: NFT_REQUIRES,
  variants: [INET_NAT, INGRESS_REJECT, NFT_QUEUE],
  needs: needsOfNft,
  supports: supportsNft,
  desired: desiredSnapshot,
  narrowed,
  disruptions,
  breaks,
  stamp: ({ sockets }) => Promise.try(() => `${readGeneration(sockets)}`),
  observe: (kernel, committed) => Promise.try(() => look(kernel, committed)),
  drift: driftOf,
  plan: planNft,
  apply,
  totals: ({ tables }) => countsOf([...tables.values()].flatMap(({ counters }) => [...counters])),
  counters,
  explain,
  fallbacks,
};

/** So often, and for so long, it is read anew where somebody else's transactions come in between. */
const LOOKS_MAX = 20;
const PATIENCE_MS = 500;

/**
 * All of it, at a moment when nobody was changing anything if there is one soon. If not, what is read is of
 * several moments: whatever somebody else changed of lb's in between is seen now, or by the next look, for
 * no stamp stands for this one.
 */
function look({ sockets, clock }: Kernel, committed?: Committed): Look<Snapshot> {
  const until_ms = clock.now_ms() + PATIENCE_MS;
  return withNft(sockets, (connection) => {
    for (let looks = 1;; looks++) {
      const generation = generationOf(connection);
      awaitCommit(connection);
      const have = observeTables(connection, committed);
      if (generationOf(connection) === generation) return { have, stamp: `${generation}` };
      if (looks === LOOKS_MAX || clock.now_ms() >= until_ms) return { have, stamp: UNKNOWN };
    }
  });
}

/** The stamp of no state. */
const UNKNOWN = "";

/**
 * The generation moves by one with every transaction of anyone. Where it moved by one since the plan was made,
 * the kernel holds what was planned. Where others were there too, the rules that are read back are ours if the
 * table has numbered them in turn; else nobody could tell, and all of them are written again.
 */
async function apply(kernel: Kernel, plan: NftPlan, stamp: string): Promise<Applied> {
  if (plan.changes.length === 0) throw new TypeError("a plan without changes is not applied");
  const before = readGeneration(kernel.sockets);
  await commit(kernel, plan);
  const { objects, isInTurn, generation } = withNft(kernel.sockets, (connection) => ({
    ...readBack(connection, plan),
    generation: generationOf(connection),
  }));
  const isAlone = generation === nextGeneration(before);
  if (!isAlone && !isInTurn) {
    throw new StalePlanError("nft", "somebody else changed lb's rules at the same moment", {
      hasLanded: true,
    });
  }
  const isWhole = [...plan.written.values()].every((written) => written.isWhole);
  const isAsPlanned = isAlone && before === Number(stamp);
  return { objects, isWhole, stamp: isAsPlanned ? `${generation}` : undefined };
}

/** A 32-bit counter that leaves out 0 (nf_tables_commit, net/netfilter/nf_tables_api.c). */
function nextGeneration(generation: number): number {
  return (generation + 1) >>> 0 || 1;
}

async function commit(kernel: Kernel, plan: NftPlan): Promise<void> {
  try {
    await runTransaction(kernel, plan);
  } catch (error) {
    if (isRefusal(error, STALE_ERRNOS)) {
      throw new StalePlanError("nft", "the table changed since the plan was made", {
        cause: error,
      });
    }
    throw error;
  }
}

function listCounters({ sockets }: Kernel, state: DesiredState): (readonly [string, Counter])[] {
  const tables = tableNames(state).map(tableId);
  return withNft(
    sockets,
    (connection) =>
      tables.flatMap((table) =>
        dumpCounters(connection, table).map((counter) => [counter.name, counter] as const)
      ),
  );
}

function fallbacks(kernel: Kernel, state: DesiredState): Map<string, number> {
  const queued = state.services.filter((service) => service.queued);
  if (queued.length === 0) return new Map();
  const counted = new Map(listCounters(kernel, state));
  return new Map(queued.map((service) => {
    const names = familiesOf(service).map((family) => serviceNames(service, family).fallbacks);
    return [service.name, names.reduce((sum, name) => sum + (counted.get(name)?.packets ?? 0), 0)];
  }));
}

async function counters(
  kernel: Kernel,
  state: DesiredState,
  { withoutActive = false }: { readonly withoutActive?: boolean } = {},
): Promise<BackendCounters[]> {
  const counted = countsOf(listCounters(kernel, state));
  const isTracked = state.services.some(({ forward }) => forward !== "dr");
  const active = isTracked && !withoutActive
    ? countActive(kernel.sockets, state.marks)
    : new Map<number, number>();
  return await Promise.resolve(
    state.services.flatMap((service) =>
      service.backends.map(({ id }) => ({
        id,
        new_connections: isCounted(service) ? counted.get(id) ?? 0 : null,
        active_connections: !withoutActive && isMarked(service, state.marks, id)
          ? active.get(id) ?? 0
          : null,
        // Byte counts would take conntrack accounting, which costs memory per connection (nf_conntrack_acct).
        bytes_in: null,
        bytes_out: null,
      }))
    ),
  );
}

function isCounted(service: PlacedService): boolean {
  return service.forward !== "dr" || tellsOpening(service);
}

/** Conntrack knows the connections that are translated, and their backend where its id fits the mark. */
function isMarked({ forward }: PlacedService, marks: MarkLayout, id: number): boolean {
  return forward !== "dr" && fitsMark(marks, id);
}

function countsOf(counters: readonly (readonly [string, Counter])[]): Map<number, number> {
  return new Map(counters.flatMap(([name, { packets }]) => {
    const id = idOfCounter(name);
    return id === undefined ? [] : [[id, packets] as const];
  }));
}
