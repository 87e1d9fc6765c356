import type { QueueTable } from "../../engine/nfqueue/table.ts";
import { isWorker, leaveEstate, namedSupervisor } from "../../kernel/worker_identity.ts";
import { LbError } from "../../model/error.ts";
import { START_MS_MAX, workerPlaces, type WorkerStatus } from "../../model/worker.ts";
import type { ClockPort, DaemonsPort, FilesPort } from "../../sys/ports.ts";
import { Counter } from "../counter.ts";
import { CALM_MS, type WorkerOrder } from "../protocol.ts";
import type { QueueSet } from "../queue_set.ts";
import { readTable } from "../table.ts";
import type { Controlled } from "./control.ts";
import type { Log } from "./log.ts";
import { WorkerLink } from "./worker_link.ts";

/** How often what waits is let go on while nobody serves, and how often one looks while somebody does, ms. */
const UNSERVED_TICK_MS = 10;
const SERVED_TICK_MS = 100;

/** A worker that says nothing for so long hangs, ms: it has to four times a second. What waits goes on before. */
const SILENCE_MS_MAX = 2_000;

/** One that ends so soon is not started at once again: it would end the same way. */
const SOON_MS = 1_000;
const PAUSE_MS = 1_000;

/** What a supervisor works with. */
export interface SupervisorPorts {
  readonly files: FilesPort;
  readonly clock: ClockPort;
  readonly daemons: Pick<DaemonsPort, "partner">;
  readonly log: Log;
  readonly runDir: string;
  readonly version: string;
  readonly pid: number;
  /** Starts a worker, but for its order. */
  readonly worker: readonly [string, ...string[]];
  /** How many supervisors in a row have died soon, so that their workers started another. */
  readonly revivals: number;
}

/**
 * Holds the queues' sockets, and has a worker read from them. Whatever becomes of that one, nothing is lost: what
 * waits for it goes on, the kernel chooses, and another worker takes its place.
 */
export class Supervisor implements Controlled {
  readonly #ports: SupervisorPorts;
  readonly #queues: QueueSet;
  readonly #counter = new Counter();
  readonly #since_ms: number;
  readonly #stopped = Promise.withResolvers<void>();
  #table: QueueTable | undefined;
  #link: WorkerLink | undefined;
  #reloads: Promise<void> = Promise.resolve();
  #restarts = 0;
  #resume_ms = 0;
  #looked_ms = performance.now();
  #isInCharge = false;
  /** It was told to stop. */
  isStopping = false;
  /** Somebody else reads from the queues, too: a predecessor, or a worker that is about to go. */
  hasHelp = false;

  constructor(ports: SupervisorPorts, queues: QueueSet) {
    this.#ports = ports;
    this.#queues = queues;
    this.#since_ms = ports.clock.now_ms();
    this.#table = this.#firstTable();
  }

  /** The queues that are wanted; undefined while there is no table. */
  get range(): QueueTable["queues"] | undefined {
    return this.#table?.queues;
  }

  /** Whether all is as it should be: somebody chooses, or there is nothing to choose. */
  get isServing(): boolean {
    return this.#table === undefined || this.#link?.isServing === true;
  }

  /**
   * Whether there still is what we choose by, or at least the folder to find it in: who removes that has done with us. A
   * worker that was left alone starts one for its table only, and who uninstalls may just have removed that.
   */
  get isWanted(): boolean {
    const { files, runDir, revivals } = this.#ports;
    const hasTable = this.#table !== undefined || revivals > 0;
    return files.stat(hasTable ? workerPlaces(runDir).table : runDir) !== undefined;
  }

  /** Says by the run folder's files that the queues are ours. A predecessor that ends leaves them to us. */
  takeCharge(): void {
    const { files, pid, runDir } = this.#ports;
    const place = workerPlaces(runDir).pid;
    const before = files.read(place);
    files.replace(place, `${pid}\n`, 0o600);
    try {
      this.#writeEstate();
    } catch (error) {
      // Whoever was in charge goes on.
      this.#survive(() =>
        before === undefined ? files.remove(place) : files.replace(place, before)
      );
      throw error;
    }
    this.#isInCharge = true;
  }

  /** Looks after the worker until it is told to stop. */
  async run(): Promise<void> {
    while (!this.isStopping) {
      this.#survive(() => this.tick());
      const served = this.isServing;
      await this.#ports.clock.sleep(served ? SERVED_TICK_MS : UNSERVED_TICK_MS);
    }
    await this.#stopped.promise;
  }

  /** Looks once. */
  tick(): void {
    const link = this.#link;
    const now_ms = performance.now();
    // It was us who did not move, as on a machine that was frozen: nobody could be heard meanwhile.
    if (now_ms - this.#looked_ms > SILENCE_MS_MAX / 2) link?.excuse();
    this.#looked_ms = now_ms;
    if (link?.isServing || this.hasHelp) this.#queues.releaseOld(now_ms);
    else this.#queues.releaseAll();
    if (!link) return this.#startWhenDue();
    if (link.silent_ms < (link.isServing ? SILENCE_MS_MAX : START_MS_MAX)) return;
    this.#ports.log(`the worker ${link.pid} does not move: replacing it`);
    link.kill();
  }

  status(): WorkerStatus {
    const { seen, left_to_kernel, events_lost, chosen } = this.#counter.read();
    const { version, pid } = this.#ports;
    return {
      ...{ version, pid, worker_pid: this.#link?.pid ?? 0, token: this.#link?.token ?? "" },
      ...{ since_ms: this.#since_ms, restarts: this.#restarts, seen },
      chosen: Object.fromEntries(chosen),
      ...{ left_to_kernel, events_lost, released: this.#queues.released },
      uncounted: this.#link?.uncounted,
      queues: this.#queues.status(),
    };
  }

  /** One after the other: each ends with every thread choosing by its table, or a later one, of which it is the token. */
  reload(): Promise<string> {
    const next = this.#reloads.then(() => this.#reload());
    this.#reloads = next.then(() => {}, () => {});
    return next;
  }

  /** Gives the queues up, or leaves them to whoever has taken them. Never rejects: what fails is told in the log. */
  stop(): Promise<void> {
    if (!this.isStopping) void this.#end();
    return this.#stopped.promise;
  }

  async #end(): Promise<void> {
    this.isStopping = true;
    await this.#link?.stop();
    this.#survive(() => {
      const isOurs = this.#isInCharge || !this.hasHelp;
      if (isOurs && !this.#isSucceeded()) this.#giveUp();
      else this.#queues.leave();
    });
    this.#stopped.resolve();
  }

  async #reload(): Promise<string> {
    const table = readTable(this.#ports.files, this.#ports.runDir);
    const before = this.#table;
    this.#queues.bind(table.queues);
    this.#table = table;
    const stays = before?.marks.mask === table.marks.mask && this.#queues.isJust(table.queues);
    await (stays && this.#link?.isServing ? this.#link.reload() : this.#renew(table));
    return this.#link?.token ?? table.token;
  }

  /** Another number of queues, or other marks: another worker, and the queues that nobody wants go last. */
  async #renew(table: QueueTable): Promise<void> {
    const old = this.#link;
    this.hasHelp = old?.isServing === true;
    try {
      await this.#untilServing(this.#start());
    } finally {
      this.hasHelp = false;
      if (old !== this.#link) await old?.stop();
    }
    this.#queues.giveUp(table.queues);
    this.#leaveEstate();
  }

  async #untilServing(link: WorkerLink): Promise<void> {
    while (!link.isServing) {
      if (this.#link !== link) throw new LbError("kernel-refused", "the worker ended meanwhile");
      await this.#ports.clock.sleep(UNSERVED_TICK_MS);
    }
  }

  /** A program that cannot be started now (no memory, no such file) may be in a second. */
  #startWhenDue(): void {
    const now_ms = this.#ports.clock.now_ms();
    const pause_ms = this.#resume_ms - now_ms;
    // Longer ones are none of ours: somebody has set the clock back.
    if (!this.#table || 0 < pause_ms && pause_ms <= PAUSE_MS) return;
    this.#resume_ms = now_ms + PAUSE_MS;
    this.#survive(() => this.#start());
  }

  #start(): WorkerLink {
    const age_ms = this.#ports.clock.now_ms() - this.#since_ms;
    const revivals = age_ms < CALM_MS ? this.#ports.revivals : 0;
    const order: WorkerOrder = { queues: this.#queues.bound, revivals };
    const argv = [...this.#ports.worker, "--worker", JSON.stringify(order)] as const;
    const partner = this.#ports.daemons.partner(argv);
    const link = new WorkerLink(partner, {
      count: (tally) => this.#counter.add(tally),
      refuse: (message) => this.#ports.log(message),
      end: (ended) => this.#mourn(ended),
    });
    this.#link = link;
    this.#survive(() => this.#leaveEstate());
    return link;
  }

  #mourn(link: WorkerLink): void {
    if (this.#link !== link) return;
    this.#link = undefined;
    if (this.isStopping) return;
    this.#survive(() => this.#queues.releaseAll());
    this.#restarts++;
    this.#ports.log(`the worker ${link.pid} ended: starting another`);
    if (link.age_ms >= SOON_MS) this.#resume_ms = 0;
    this.#startWhenDue();
  }

  #leaveEstate(): void {
    if (this.#isInCharge) this.#writeEstate();
  }

  #writeEstate(): void {
    const { files, runDir, pid } = this.#ports;
    const worker = this.#link?.pid ?? 0;
    leaveEstate(files, runDir, { supervisor: pid, worker, sockets: this.#queues.estate });
  }

  #isSucceeded(): boolean {
    const { files, pid, runDir } = this.#ports;
    const named = namedSupervisor(files, runDir);
    return named.pid !== pid && isWorker(files, named, runDir);
  }

  #giveUp(): void {
    this.#queues.giveUp();
    const { pid, socket, sockets } = workerPlaces(this.#ports.runDir);
    for (const path of [pid, socket, sockets]) this.#ports.files.remove(path);
  }

  /** One that cannot be read is no reason not to take the next, which whoever applies will write. */
  #firstTable(): QueueTable | undefined {
    return this.#survive(() => readTable(this.#ports.files, this.#ports.runDir));
  }

  /** What fails now (no memory, a full disk) may not in a second, and the queues have to be held meanwhile. */
  #survive<Result>(act: () => Result): Result | undefined {
    try {
      return act();
    } catch (error) {
      this.#ports.log(error instanceof Error ? error.message : `${error}`);
      return undefined;
    }
  }
}
