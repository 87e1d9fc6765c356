/** Test equipment: the one path on a fake machine, with a real database in a folder of its own. */
import type { Facts } from "../../../lib/capability/facts.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import type { CheckResult, CheckTarget } from "../../../lib/health/check/check.ts";
import { nftEngine } from "../../../lib/engine/nft/engine.ts";
import type { Outcome } from "../../../lib/reconcile/outcome.ts";
import { reconcile } from "../../../lib/reconcile/reconcile.ts";
import type { Machine, ReconcileRequest } from "../../../lib/reconcile/request.ts";
import { Database } from "../../../lib/store/database.ts";
import { DATABASE_NAME, openStore, Store } from "../../../lib/store/store.ts";
import { FakeDaemons } from "../../fake/daemons.ts";
import type { Gate } from "../../fake/gate.ts";
import { FakeHost } from "../../fake/host.ts";
import { OWNER } from "../store/folder.ts";

/** A machine that can do everything the nft engine asks for. */
export const FACTS: Facts = {
  kernel: "6.18.0",
  nft: "1.0.6",
  capabilities: [
    ...[...nftEngine.requires, "proc-sys", "conntrack-netlink", "nft-dynset", "queue-rule"]
      .map((
        id,
      ) => ({ id, purpose: "testing", answer: "yes", evidence: "test equipment" } as const)),
    ...["ipvs", "queue"].map((id) => (
      { id, purpose: "testing", answer: "no", evidence: "not set" } as const
    )),
  ],
};

/** A file system in memory, where there is one: thousands of small databases are made. */
const MEMORY = exists("/dev/shm") ? "/dev/shm" : undefined;

/** Between two runs: cron's minute. */
const PAUSE_MS = 60_000;

/** For so long stamps stand in for a look at the kernel (lib/reconcile/settled.ts). */
const LOOK_MS = 10 * 60_000;

export class Rig {
  readonly folder: string;
  host = new FakeHost();
  /** Programs that stay on this machine. */
  daemons = new FakeDaemons(this.host.kernel.files, this.host.kernel.runDir);
  boot_id = "boot-1";
  netns = "net:[4026531840]";
  version = "test";
  facts = FACTS;
  /** What a check finds. */
  verdict: (target: CheckTarget) => CheckResult = () => ({ ok: true, reason: "", took_ms: 1 });
  #store: Store;

  constructor(parent: string) {
    this.folder = `${parent}/state`;
    Deno.mkdirSync(this.folder, { mode: 0o700 });
    Deno.writeFileSync(`${this.folder}/${DATABASE_NAME}`, emptyDatabase(parent));
    this.#store = this.#open();
  }

  get store(): Store {
    return this.#store;
  }

  get machine(): Machine {
    const { host: { kernel }, store, facts, boot_id, netns, version } = this;
    const worker = { kernel, daemons: this.daemons, self: ["lb"] } as const;
    const check: Machine["check"] = (targets) => Promise.resolve(targets.map(this.verdict));
    const packets = () => ({ send: () => {}, close: () => {} });
    return { kernel, store, host: { boot_id, netns }, facts, version, worker, check, packets };
  }

  /** A run of lb towards this config. */
  async run(text: string, more: Partial<ReconcileRequest> = {}): Promise<Outcome> {
    this.host.inside.clock.advance(PAUSE_MS);
    const loaded = await parseConfig(text, "lb.toml");
    const usual = { who: "tester", command: "lb apply", dryRun: false, patience_ms: 10_000 };
    return await reconcile(this.machine, { ...usual, ...more, loaded });
  }

  /** A run so long after the last look that the kernel is read, whatever its stamp tells. */
  async look(text: string): Promise<Outcome> {
    this.host.inside.clock.advance(LOOK_MS);
    return await this.run(text);
  }

  /** What a run would do, and whether the kernel differs from what was left there. */
  plan(text: string): Promise<Outcome> {
    return this.run(text, { dryRun: true });
  }

  /** The program has died, and is started again: what was not committed is gone. */
  restart(): void {
    this.#store.close();
    this.host.gate.open();
    this.#store = this.#open();
  }

  /** Everything in the kernel is gone, what is on disk stays. */
  reboot(): void {
    const { clock } = this.host.inside;
    this.restart();
    this.host = new FakeHost();
    this.daemons = new FakeDaemons(this.host.kernel.files, this.host.kernel.runDir);
    this.host.inside.clock.advance(clock.now_ms() - this.host.inside.clock.now_ms());
    this.boot_id = "boot-2";
    this.restart();
  }

  /** Ids of configured backends, by service and backend. */
  ids(): Record<string, number> {
    const live = this.store.backends.all().filter((row) => row.released_at_ms === null);
    return Object.fromEntries(
      live.map(({ service, backend, id }) => [`${service} ${backend}`, id]),
    );
  }

  /** Events of one kind, oldest first, as their messages. */
  events(kind: string): string[] {
    return this.store.events.list({ limit: 10_000 }).filter((event) => event.kind === kind)
      .map(({ message }) => message).reverse();
  }

  /** Keys of host changes that stand. */
  journalled(): string[] {
    const journal = this.store.journal(this.machine.host, () => 0);
    return [...journal.open("sysctl"), ...journal.open("address")].map(({ key }) => key);
  }

  close(): void {
    this.#store.close();
  }

  #open(): Store {
    const db = new GatedDatabase(`${this.folder}/${DATABASE_NAME}`, this.host.gate);
    // Nobody cuts the power: syncing would only take time.
    db.run("PRAGMA synchronous = OFF");
    this.host.gate.open();
    return new Store(db);
  }
}

function exists(path: string): boolean {
  return OWNER.files.stat(path) !== undefined;
}

let template: Uint8Array | undefined;

/** A database as lb makes it, made once: there are thousands of rigs. */
function emptyDatabase(parent: string): Uint8Array {
  if (!template) {
    openStore(`${parent}/template`, OWNER).close();
    template = Deno.readFileSync(`${parent}/template/${DATABASE_NAME}`);
  }
  return template;
}

/** Every statement that writes goes through the gate. */
class GatedDatabase extends Database {
  readonly #gate: Gate;

  constructor(path: string, gate: Gate) {
    super(path, { readOnly: false });
    this.#gate = gate;
  }

  override run(...[sql, ...values]: Parameters<Database["run"]>): ReturnType<Database["run"]> {
    const words = sql.split(/\s+/).slice(0, 3).join(" ");
    return this.#gate.pass(`sql ${words}`, () => super.run(sql, ...values));
  }
}

/** Runs a test on a rig of its own that is gone afterwards. */
export function withRig(work: (rig: Rig) => Promise<void>): () => Promise<void> {
  return async () => {
    const parent = Deno.makeTempDirSync({ dir: MEMORY, prefix: `lb-reconcile-${Deno.pid}-` });
    const rig = new Rig(parent);
    try {
      await work(rig);
    } finally {
      rig.close();
      Deno.removeSync(parent, { recursive: true });
    }
  };
}
