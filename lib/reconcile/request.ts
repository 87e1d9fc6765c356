import type { Facts } from "../capability/facts.ts";
import type { CheckResult, CheckTarget } from "../health/check/check.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { WorkerHost } from "../host/worker/worker.ts";
import type { Change } from "../model/change.ts";
import type { IntentRow } from "../model/intent.ts";
import type { EngineName } from "../model/service.ts";
import type { Trial } from "../model/trial.ts";
import type { HostIdentity } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import type { Kernel, OpenPackets } from "../sys/ports.ts";
import type { SysctlOutcome } from "./outcome.ts";
import type { Chosen, Held } from "./selection.ts";

/** Everything a run works with. The lock is held by the caller. */
export interface Machine {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly host: HostIdentity;
  readonly facts: Facts;
  /** Of lb: another one may want something else of the same config. */
  readonly version: string;
  /** What starting and asking the queue worker takes. */
  readonly worker: WorkerHost;
  /** Whole IP packets, for connections that are cut. */
  readonly packets: OpenPackets;
  /**
   * Checks backends, each within its time-out. @returns a result for each target, in their order; undefined where
   * its turn would have come after `begin_within_ms`
   */
  readonly check: (
    targets: readonly CheckTarget[],
    limits?: { readonly begin_within_ms?: number },
  ) => Promise<readonly (CheckResult | undefined)[]>;
}

/** What a run is to bring about. */
export interface ReconcileRequest {
  readonly loaded: LoadedConfig;
  /** For the record: who asked, and with which command. */
  readonly who: string;
  readonly command: string;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /**
   * The engines that services are on, in place of those they are on now: moving is asked for. @default each
   * stays where it is, as long as it can be there
   */
  readonly held?: Held;
  /** What is wanted of backends. @default what is on record */
  readonly intents?: readonly IntentRow[];
  /** How long somebody has time to confirm it; what was on trial already goes back with it. @default it stays */
  readonly confirm_ms?: number;
  /** What was not confirmed, and is taken back by this. */
  readonly reverts?: Trial;
  /** How long to go on observing and planning anew while others change the same table. */
  readonly patience_ms: number;
}

/** What is kept from one attempt of a run to the next. */
export interface Progress {
  /** Objects found changed behind our back. */
  readonly drift: Set<string>;
  /** What earlier attempts set out to write, by its mark in the kernel: nobody else's doing. */
  readonly marks: Map<string, readonly Change[]>;
  /** What earlier attempts are known to have changed. */
  readonly changes: Change[];
  readonly sysctls: SysctlOutcome[];
  /** An attempt has changed the rules, though it did not come to its end. */
  hasLanded?: boolean;
  /** The new revision, once it is on record. */
  begun?: number;
}

/** One attempt: what it was asked, and what it has to say. */
export interface Run {
  readonly machine: Machine;
  readonly request: ReconcileRequest;
  readonly chosen: readonly Chosen[];
  readonly engineOf: ReadonlyMap<string, EngineName>;
  /** The engines that services are on as the run begins. */
  readonly engineWas: Held;
  readonly progress: Progress;
  readonly now_ms: number;
  readonly notes: string[];
  readonly blocked: string[];
  /** Changes of the host that were carried out. */
  readonly done: Set<Change>;
  /** What engines were brought to, by the kernel's stamp on it. */
  readonly stamps: Map<EngineName, string>;
}
