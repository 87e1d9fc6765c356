import type { Facts } from "../../lib/capability/facts.ts";
import { isOurs } from "../../lib/model/queue.ts";
import { queueStatistics } from "../../lib/netlink/queue/statistics.ts";
import type { Status } from "../../lib/reconcile/status.ts";
import type { HostIdentity } from "../../lib/store/journal.ts";
import type { Store } from "../../lib/store/store.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import type { Activity, Counted, Happening, Picture, QueueFill } from "../../lib/tui/picture.ts";
import { TREND_MS } from "../../lib/tui/trend.ts";
import { appliedOnce } from "../shared/applied_once.ts";
import { context, type Places } from "../context.ts";
import { readFacts } from "../shared/machine.ts";
import { noService } from "../shared/no_service.ts";
import { currentStatus, type Known } from "../shared/current_status.ts";

/** Events that a screen is given. */
const EVENTS_MAX = 200;

/** What the kernel can do is looked at this often: it takes a program. */
const FACTS_MS = 60_000;

/** Looks at everything again and again, and finds out anew only what may have changed. */
export class Onlook {
  readonly #places: Places;
  #facts?: Facts;
  #facts_ms = -Infinity;
  #suspected: readonly string[] = [];
  #happenings: readonly Happening[] = [];
  readonly #known: Known = {
    loaded: appliedOnce(),
    facts: (kernel, store, host) => this.#factsOf(kernel, store, host),
  };

  constructor(places: Places) {
    this.#places = places;
  }

  /** @throws {LbError} `usage` where nothing in force is called so */
  async needService(name: string): Promise<void> {
    const store = await context.readStore(this.#places);
    try {
      const loaded = store && await this.#known.loaded(store);
      const names = loaded?.config.services.map((service) => service.name) ?? [];
      if (!names.includes(name)) throw await noService(name, names);
    } finally {
      store?.close();
    }
  }

  /** @throws {LbError} what keeps the state or the kernel from being read */
  async look(): Promise<Picture> {
    const store = await context.readStore(this.#places);
    try {
      const status = await currentStatus(this.#places, store, this.#known);
      const doing = activity(this.#places);
      return {
        at_ms: context.clock.now_ms(),
        status: { ...status, drifted: this.#believed(status, doing) },
        happenings: store ? this.#happeningsOf(store) : [],
        queues: queueFills(),
        activity: doing,
      };
    } finally {
      store?.close();
    }
  }

  /** What passes have counted of services lately, oldest first. */
  async history(): Promise<readonly Counted[]> {
    const store = await context.readStore(this.#places);
    try {
      return store?.samples.since(context.clock.now_ms() - TREND_MS) ?? [];
    } finally {
      store?.close();
    }
  }

  /**
   * What a run that is under way has written is not on record yet, and looks like a change behind lb's back: only what
   * two looks have found while nobody writes is one.
   */
  #believed({ drifted }: Status, { holder }: Activity): readonly string[] {
    const before = this.#suspected;
    this.#suspected = holder ? [] : drifted;
    return this.#suspected.filter((object) => before.includes(object));
  }

  async #factsOf(kernel: Kernel, store: Store, host: HostIdentity): Promise<Facts> {
    const now_ms = context.clock.now_ms();
    if (!this.#facts || now_ms - this.#facts_ms > FACTS_MS) {
      this.#facts = await readFacts(kernel, store, host);
      this.#facts_ms = now_ms;
    }
    return this.#facts;
  }

  /** The same ones as before where nothing has happened. */
  #happeningsOf({ events }: Store): readonly Happening[] {
    const [newest] = events.list({ limit: 1 });
    if (newest?.id !== this.#happenings[0]?.id) {
      this.#happenings = events.list({ limit: EVENTS_MAX });
    }
    return this.#happenings;
  }
}

function queueFills(): QueueFill[] {
  const queues = queueStatistics(context.files)?.filter(({ queue }) => isOurs(queue)) ?? [];
  return queues.map(({ waiting, dropped_full, dropped_user }) => (
    { waiting, dropped: dropped_full + dropped_user }
  ));
}

/** Who holds the lock has written his name into it, and takes it out again. */
function activity({ runDir }: Places): Activity {
  const { files } = context;
  const [, pid, command] = /^(\d+) (.*)\n/.exec(files.read(`${runDir}/lock`) ?? "") ?? [];
  const isThere = pid !== undefined && files.stat(`/proc/${pid}`) !== undefined;
  return isThere ? { holder: { pid: Number(pid), command: command! } } : {};
}
