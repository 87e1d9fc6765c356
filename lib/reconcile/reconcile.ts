import type { Facts } from "../capability/facts.ts";
import type { Diagnostic } from "../config/diagnostic.ts";
import type { LoadedConfig } from "../config/load.ts";
import { flushUdp } from "../host/conntrack/flush.ts";
import { type Committed, type Engine, type EnginePlan, StalePlanError } from "../engine/engine.ts";
import { ENGINES } from "../engine/registry.ts";
import { KernelError, LbError } from "../model/error.ts";
import type { EngineName } from "../model/service.ts";
import type { DesiredState } from "../model/state.ts";
import { allocateIds, type BackendRow, foldCounter } from "../store/ids.ts";
import type { HostIdentity } from "../store/journal.ts";
import type { Store } from "../store/store.ts";
import type { Kernel } from "../sys/ports.ts";
import { engineMemory, findDrift } from "./drift.ts";
import {
  applyStage,
  hostChanges,
  hostDrift,
  type HostStages,
  hostSysctls,
  hostWant,
  planHost,
} from "./host.ts";
import type { Outcome } from "./outcome.ts";
import { backendNames, placeServices } from "./place.ts";
import { type Chosen, selectAll } from "./selection.ts";
import { newToken } from "./token.ts";

/** Everything a run works with. The lock is held by the caller. */
export interface Machine {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly host: HostIdentity;
  readonly facts: Facts;
}

export interface ReconcileRequest {
  readonly loaded: LoadedConfig;
  /** For the record: who asked, and with which command. */
  readonly who: string;
  readonly command: string;
  /** Only say what would be done. */
  readonly dryRun: boolean;
  /** How long to go on observing and planning anew while others change the same table. */
  readonly patience_ms: number;
}

/**
 * The one path from the config to the kernel: observe, plan, apply, observe again, record. Every command
 * that changes anything ends here; removal is the same path towards a config without services.
 *
 * @throws {LbError} `unsupported` before anything is changed, `kernel-refused` with what still stands
 */
export async function reconcile(machine: Machine, request: ReconcileRequest): Promise<Outcome> {
  const chosen = await selectAll(request.loaded, machine.facts);
  const deadline_ms = machine.kernel.clock.now_ms() + request.patience_ms;
  const progress: Progress = { drift: new Set() };
  for (;;) {
    try {
      return await new Run(machine, request, chosen, progress).run();
    } catch (error) {
      if (!(error instanceof StalePlanError)) throw error;
      if (machine.kernel.clock.now_ms() >= deadline_ms) throw gaveUp(error, request.patience_ms);
    }
  }
}

/** The part of a run that belongs to one engine. */
interface EngineTask {
  readonly engine: Engine;
  readonly state: DesiredState;
  readonly plan: EnginePlan;
  readonly committed?: Committed;
}

/** What is kept from one attempt to the next. */
interface Progress {
  /** Objects found changed behind our back. */
  readonly drift: Set<string>;
  /** The new revision, once it is on record. */
  begun?: number;
}

/** The config text that is being brought about. */
interface Target {
  readonly revision: number;
  /** Whether it was not the last one applied. A repair makes no new revision. */
  readonly isNew: boolean;
}

/** One attempt. A stale plan ends it, and the next attempt starts from a new look at the kernel. */
class Run {
  readonly #machine: Machine;
  readonly #request: ReconcileRequest;
  readonly #chosen: readonly Chosen[];
  readonly #progress: Progress;
  readonly #notes: string[] = [];
  readonly #blocked: string[] = [];
  readonly #now_ms: number;

  constructor(
    machine: Machine,
    request: ReconcileRequest,
    chosen: readonly Chosen[],
    progress: Progress,
  ) {
    this.#machine = machine;
    this.#request = request;
    this.#chosen = chosen;
    this.#progress = progress;
    this.#now_ms = machine.kernel.clock.now_ms();
  }

  async run(): Promise<Outcome> {
    const { store } = this.#machine;
    const { loaded } = this.#request;
    const rows = allocateIds(
      store.backends.all(),
      backendNames(loaded.config.services),
      loaded.config.marks.idMax,
      this.#now_ms,
    );
    const target = this.#target();
    const tasks = [];
    for (const engine of ENGINES) tasks.push(await this.#planEngine(engine, rows, target.revision));
    const need = hostWant(loaded.config, this.#engineNames());
    const host = planHost(this.#machine, loaded.config, need);
    for (const object of hostDrift(host)) this.#progress.drift.add(object);
    const outcome = this.#outcome(target.revision, tasks, host);
    if (this.#request.dryRun) return outcome;
    if (!outcome.changed && !target.isNew) {
      await this.#saveCounters(tasks, rows);
      store.passes.record({ at_ms: this.#now_ms, drift: 0 });
      return outcome;
    }
    return await this.#carryOut(outcome, target, tasks, host, rows);
  }

  #target(): Target {
    const { revisions } = this.#machine.store;
    const latest = revisions.latestApplied();
    if (latest?.config_text === this.#request.loaded.text) {
      return { revision: latest.revision, isNew: false };
    }
    return { revision: this.#progress.begun ?? revisions.next(), isNew: true };
  }

  #engineNames(): Map<string, EngineName> {
    return new Map(this.#chosen.map(({ name, engine }) => [name, engine]));
  }

  async #planEngine(
    engine: Engine,
    rows: readonly BackendRow[],
    revision: number,
  ): Promise<EngineTask> {
    const memory = engineMemory(this.#machine, engine.name);
    const have = await engine.observe(this.#machine.kernel, memory.committed);
    const drift = findDrift(engine, have, memory);
    for (const object of drift.objects) this.#progress.drift.add(object);
    if (drift.note) this.#notes.push(drift.note);
    const { config } = this.#request.loaded;
    const state = placeServices(config, this.#engineNames(), engine.name, rows);
    const plan = engine.plan(engine.desired(state), have, newToken(revision));
    return { engine, state, plan, committed: memory.committed };
  }

  #outcome(revision: number, tasks: readonly EngineTask[], host: HostStages): Outcome {
    const changes = [...tasks.flatMap(({ plan }) => plan.changes), ...hostChanges(host)];
    const hasRun = this.#machine.store.revisions.latestApplied() !== undefined;
    const isNothing = this.#chosen.length === 0 && !hasRun;
    return {
      revision: isNothing && this.#request.dryRun ? null : revision,
      changed: changes.length > 0,
      changes,
      sysctls: hostSysctls(host),
      services: this.#chosen,
      drift: [...this.#progress.drift],
      blocked: host.blocked,
      warnings: this.#request.loaded.warnings.map(describeWarning),
      notes: this.#notes,
    };
  }

  async #carryOut(
    outcome: Outcome,
    target: Target,
    tasks: readonly EngineTask[],
    host: HostStages,
    rows: BackendRow[],
  ): Promise<Outcome> {
    this.#begin(target);
    const removed = releasedIds(this.#machine.store.backends.all(), rows);
    // Ids are on record before the kernel knows them, so that no other backend is ever given one.
    this.#machine.store.backends.save(rows);
    try {
      await this.#applyStage("sysctls", host);
      for (const task of tasks) await this.#applyEngine(task, target.revision);
      this.#flush(removed);
      await this.#applyStage("addresses", host);
      await this.#applyStage("leftAddresses", host);
      await this.#applyStage("leftSysctls", host);
    } catch (error) {
      throw this.#fail(target, host, error);
    }
    await this.#saveCounters(tasks, rows);
    this.#record(outcome, target, host);
    return {
      ...outcome,
      drift: [...this.#progress.drift],
      blocked: [...outcome.blocked, ...this.#blocked],
    };
  }

  async #applyStage(stage: Parameters<typeof applyStage>[1], host: HostStages): Promise<void> {
    const done = await applyStage(this.#machine, stage, host);
    this.#notes.push(...done.notes);
    this.#blocked.push(...done.blocked.map(({ message }) => message));
  }

  async #applyEngine(task: EngineTask, revision: number): Promise<void> {
    const { kernel, store, host } = this.#machine;
    const { engine, plan, state, committed } = task;
    if (plan.changes.length === 0) return;
    store.commits.announce(engine.name, plan.token, this.#now_ms);
    const applied = await engine.apply(kernel, plan, committed);
    if (!applied.have.present) return store.commits.forget(engine.name);
    const left = engine.plan(engine.desired(state), applied.have, plan.token).changes;
    store.commits.commit(engine.name, {
      ...applied.committed,
      ...host,
      revision,
      generation: null,
    });
    if (left.length === 0) return;
    for (const { object } of left) this.#progress.drift.add(object);
    throw new StalePlanError(
      `changed by somebody else: ${left.map((one) => one.object).join(", ")}`,
    );
  }

  #flush(removed: ReadonlySet<number>): void {
    const { marks } = this.#request.loaded.config;
    const count = flushUdp(this.#machine.kernel.sockets, marks, removed);
    if (count > 0) this.#notes.push(`forgot ${count} udp flows of removed backends`);
  }

  async #saveCounters(tasks: readonly EngineTask[], rows: readonly BackendRow[]): Promise<void> {
    const raw = new Map<number, number | null>();
    for (const { engine, state } of tasks) {
      if (state.services.length === 0) continue;
      for (const counted of await engine.counters(this.#machine.kernel, state)) {
        raw.set(counted.id, counted.new_connections);
      }
    }
    this.#machine.store.backends.save(
      rows.map((row) => foldCounter(row, raw.get(row.id) ?? null)),
    );
  }

  #begin(target: Target): void {
    if (!target.isNew || this.#progress.begun !== undefined) return;
    const { who, command, loaded } = this.#request;
    const start = { config_text: loaded.text, who, command, at_ms: this.#now_ms };
    this.#progress.begun = this.#machine.store.revisions.begin(start);
  }

  /** Puts a failure on record, and says what still stands. */
  #fail(target: Target, host: HostStages, error: unknown): unknown {
    if (error instanceof StalePlanError) return error;
    const message = error instanceof Error ? error.message : String(error);
    if (target.isNew) {
      this.#machine.store.revisions.finish(target.revision, {
        outcome: "failed",
        plan_json: "[]",
        detail: message,
        finished_at_ms: this.#machine.kernel.clock.now_ms(),
      });
    }
    if (!(error instanceof LbError) || hostChanges(host).length === 0) return error;
    const stands = "Sysctls and addresses that were set before this stay set; " +
      'the next "lb apply" goes on from here, "lb uninstall" puts them back.';
    return new LbError(error.code, `${message}\n${stands}`, { cause: error });
  }

  #record(outcome: Outcome, target: Target, host: HostStages): void {
    const { store, kernel } = this.#machine;
    const at_ms = kernel.clock.now_ms();
    const count = outcome.changes.length;
    const detail = `${count} ${count === 1 ? "change" : "changes"}`;
    store.transaction(() => {
      if (target.isNew) {
        store.revisions.finish(target.revision, {
          outcome: "applied",
          plan_json: JSON.stringify(outcome.changes),
          detail,
          finished_at_ms: at_ms,
        });
        const message = `revision ${target.revision} applied by ${this.#request.who} ` +
          `(${this.#request.command}): ${detail}`;
        store.events.add({ at_ms, kind: "apply", message });
      }
      for (const object of this.#progress.drift) {
        const message = `${object} had been changed behind lb's back; put right`;
        store.events.add({ at_ms, kind: "drift", message });
      }
      store.passes.record({ at_ms, drift: this.#progress.drift.size });
      for (const change of hostChanges(host)) {
        const message = `${change.object} ${change.detail}`.trim();
        store.events.add({ at_ms, kind: change.engine, message });
      }
      for (const note of this.#notes) store.events.add({ at_ms, kind: "engine", message: note });
    });
  }
}

/** Ids of backends that are configured no more. */
function releasedIds(before: readonly BackendRow[], after: readonly BackendRow[]): Set<number> {
  const live = new Set(after.filter((row) => row.released_at_ms === null).map(({ id }) => id));
  const had = before.filter((row) => row.released_at_ms === null).map(({ id }) => id);
  return new Set(had.filter((id) => !live.has(id)));
}

function describeWarning({ file, line, column, message }: Diagnostic): string {
  return `${file}:${line}:${column}: ${message}`;
}

function gaveUp(error: StalePlanError, patience_ms: number): LbError {
  if (error.cause instanceof KernelError) return error.cause;
  return new LbError(
    "kernel-refused",
    `nftables was changed by somebody else again and again for ${patience_ms / 1000} s ` +
      `(${error.message}); find out who ("nft monitor"), then run "lb apply" again`,
    { cause: error },
  );
}
