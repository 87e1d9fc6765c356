import type { Change, Verdict } from "../model/change.ts";
import type { EngineName, Service } from "../model/service.ts";
import type { DesiredState, Recorded } from "../model/state.ts";
import type { Kernel } from "../sys/ports.ts";
import type { Ask, Surroundings, Way } from "./why.ts";

/** What the kernel counted for one backend since it was put there. null: cannot be counted cheaply. */
export interface BackendCounters {
  readonly id: number;
  readonly new_connections: number | null;
  readonly active_connections: number | null;
  readonly bytes_in: number | null;
  readonly bytes_out: number | null;
}

/**
 * What was committed last, kept in the state database: by which token the kernel knows it, the state that
 * was brought about, and what its objects are known again by.
 */
export interface Committed {
  readonly token: string;
  readonly state: DesiredState;
  /** By name. Engines leave out what is known again without a record. */
  readonly objects: ReadonlyMap<string, Recorded>;
}

/** An engine's part of a plan: a value that can be printed, stored, dry-run and applied. */
export interface EnginePlan {
  readonly changes: readonly Change[];
  /** The mark the kernel's state will bear. */
  readonly token: string;
  /** What the kernel's counters of new connections begin at, by backend id, where they are made anew. */
  readonly counters: ReadonlyMap<number, number>;
}

/** What every engine's picture of the kernel tells, whatever else is in it. */
export interface EngineSnapshot {
  /** Whether the kernel holds anything of this engine. */
  readonly present: boolean;
  /** Our mark on the state, if it bears one. */
  readonly token?: string;
}

/** The kernel's state at one moment. */
export interface Look<Snapshot> {
  readonly have: Snapshot;
  /** {@linkcode Engine.stamp} of exactly this state. */
  readonly stamp: string;
}

/** What an apply left behind, as the kernel tells it. */
export interface Applied {
  /** What goes on record of each object that was written; undefined of one that is gone. */
  readonly objects: ReadonlyMap<string, Recorded | undefined>;
  /** Nothing holds of what was on record before. */
  readonly isWhole: boolean;
  /**
   * {@linkcode Engine.stamp} of the state that was planned; undefined where somebody else was at the kernel
   * too, so that only a look tells what it holds.
   */
  readonly stamp?: string;
}

/** A plan was made against a state that the kernel no longer has: observe and plan again. */
export class StalePlanError extends Error {
  override readonly name = "StalePlanError";
  /** Whose plan. */
  readonly engine: EngineName;
  /** The plan was carried out nevertheless; somebody was there between that and the look after it. */
  readonly hasLanded: boolean;

  constructor(
    engine: EngineName,
    message: string,
    options?: { cause?: unknown; hasLanded?: boolean },
  ) {
    super(message, options);
    this.engine = engine;
    this.hasLanded = options?.hasLanded ?? false;
  }
}

/** An established connection, as far as it tells what a change does to it. */
export interface Established extends Pick<Ask, "protocol" | "vip" | "vip_port"> {
  /** Of the backend that has it. */
  readonly id: number;
}

/** Whether a change ends a connection. */
export type Breaks = (flow: Established) => boolean;

/** What a choice among data paths goes by. */
export interface DataPath {
  readonly name: EngineName;
  /** Ids of the capabilities without which it cannot work at all. */
  readonly requires: readonly string[];
  /** Ids of the capabilities that this service needs besides. Pure. */
  needs(service: Service): readonly string[];
  /** Whether it can serve this service; if not, every reason. Pure. */
  supports(service: Service): Verdict;
}

/** Turns a desired state into kernel objects, and back. Engines never import each other. */
export interface Engine<
  Snapshot extends EngineSnapshot = EngineSnapshot,
  Plan extends EnginePlan = EnginePlan,
> extends DataPath {
  /** The data paths whose rules it holds: its own, and what builds upon it. */
  readonly serves: readonly EngineName[];
  /** Whether it translates by NAT of conntrack's, so that its connections bear IPS_DST_NAT and lb's marks. */
  readonly usesNat: boolean;
  /** Ids of capabilities that change how it works, not whether: `DesiredState.lacks` names the missing. */
  readonly variants: readonly string[];
  /** What the kernel should hold. Pure. */
  desired(state: DesiredState): Snapshot;
  /**
   * What two states should have in the kernel, without what they have in common, for a plan that costs no
   * more than what differs. A service that did not change is the same object in both. Pure.
   *
   * @param token that `have` bears
   */
  narrowed(
    want: DesiredState,
    have: DesiredState,
    token: string,
  ): { want: Snapshot; have: Snapshot };
  /**
   * What becomes of established connections on the way from one state to another, a sentence for each
   * service where it is worth one. A service that did not change is the same object in both. Pure.
   */
  disruptions(want: DesiredState, have: DesiredState): readonly string[];
  /**
   * Which of the connections that it has in a table go on no more on the way from one state to another. Pure.
   */
  breaks(want: DesiredState, have: DesiredState): Breaks;
  /**
   * A cheap value that is another one after every change of what {@linkcode observe} reads.
   *
   * @throws {KernelError} where the kernel cannot be asked
   */
  stamp(kernel: Kernel): Promise<string>;
  /** What the kernel holds. `committed` lets it recognise what it wrote before. */
  observe(kernel: Kernel, committed?: Committed): Promise<Look<Snapshot>>;
  /** Objects that differ from what was committed: changed behind our back. Pure. */
  drift(have: Snapshot, committed: Committed): readonly string[];
  /** The way from one to the other; no changes where they are equal. `token` marks the result. Pure. */
  plan(want: Snapshot, have: Snapshot, token: string): Plan;
  /**
   * Carries the plan out, wholly or not at all, and reads back what the kernel made of it.
   *
   * @param stamp of the state it was planned against
   * @throws {StalePlanError} where somebody else changed the kernel since the plan was made, or while
   * it was carried out
   * @throws {KernelError} where the kernel refuses; nothing was changed
   */
  apply(kernel: Kernel, plan: Plan, stamp: string): Promise<Applied>;
  /** New connections by backend id, as far as the snapshot counts them. Pure. */
  totals(have: Snapshot): ReadonlyMap<number, number>;
  /** @param how.withoutActive leaves active connections at null where all of conntrack would be read for them */
  counters(
    kernel: Kernel,
    state: DesiredState,
    how?: { readonly withoutActive?: boolean },
  ): Promise<BackendCounters[]>;
  /**
   * The ways of new connections through what the kernel holds, in the order of the asks.
   *
   * @param committed what was written last
   * @throws {KernelError} where the kernel cannot be asked
   */
  explain(
    kernel: Kernel,
    committed: Committed,
    asks: readonly Ask[],
    around: Surroundings,
  ): readonly Way[];
  /** Connections of queued services that the kernel chose for in the worker's place, by service. */
  fallbacks(kernel: Kernel, state: DesiredState): ReadonlyMap<string, number>;
}
