import type { DesiredState } from "../../model/state.ts";
import type { Kernel } from "../../sys/ports.ts";
import type { BackendCounters, Engine } from "../engine.ts";
import { applyPlan } from "./apply.ts";
import { breaks } from "./breaks.ts";
import { RULES_VARIANTS } from "./rules/units.ts";
import { desiredSnapshot, narrowed } from "./desired.ts";
import { disruptions } from "./disruptions.ts";
import { driftOf } from "./drift.ts";
import { listAll, observe, readSnapshot, readStamp } from "./listing.ts";
import { type IpvsPlan, planIpvs } from "./plan.ts";
import type { Place, Snapshot } from "./snapshot.ts";
import { needsOfIpvs, supportsIpvs } from "./supports.ts";
import { explain } from "./why.ts";

/** Balancing by the kernel's IPVS: virtual services with backends, over generic netlink. */
export const ipvsEngine: Engine<Snapshot, IpvsPlan> = {
  name: "ipvs",
  serves: ["ipvs"],
  usesNat: false,
  requires: ["net-admin", "ipvs"],
  variants: RULES_VARIANTS,
  needs: needsOfIpvs,
  supports: supportsIpvs,
  desired: desiredSnapshot,
  disruptions,
  breaks,
  narrowed,
  stamp: readStamp,
  observe,
  drift: driftOf,
  plan: planIpvs,
  apply: applyPlan,
  totals: ({ virtuals }) =>
    new Map(
      [...countById([...virtuals.values()].flatMap(({ places }) => [...places.values()]))]
        .map(([id, { new_connections }]) => [id, new_connections]),
    ),
  counters: (kernel, state) => Promise.try(() => counters(kernel, state)),
  explain,
  fallbacks: () => new Map(),
};

type Counted = Required<Omit<BackendCounters, "id">>;

/** A backend of a service with several VIPs and ports is as many of the kernel's. */
function countById(places: readonly Place[]): Map<number, Record<keyof Counted, number>> {
  const sums = new Map<number, Record<keyof Counted, number>>();
  for (const { id, counted } of places) {
    if (id === undefined || !counted) continue;
    const sum = sums.get(id);
    sums.set(id, {
      new_connections: counted.new_connections + (sum?.new_connections ?? 0),
      active_connections: counted.active_connections + (sum?.active_connections ?? 0),
      bytes_in: counted.bytes_in + (sum?.bytes_in ?? 0),
      bytes_out: counted.bytes_out + (sum?.bytes_out ?? 0),
    });
  }
  return sums;
}

function counters({ sockets }: Kernel, state: DesiredState): BackendCounters[] {
  const { virtuals } = readSnapshot(listAll(sockets));
  const places = [...desiredSnapshot(state).virtuals].flatMap(([key, virtual]) =>
    Array.from(virtual.places, ([name, { id, destination }]): Place => ({
      id,
      destination,
      counted: virtuals.get(key)?.places.get(name)?.counted,
    }))
  );
  const sums = countById(places);
  const nothing = { new_connections: 0, active_connections: 0, bytes_in: 0, bytes_out: 0 };
  return state.services.flatMap(({ backends }) => backends)
    .map(({ id }) => ({ id, ...(sums.get(id) ?? nothing) }));
}
