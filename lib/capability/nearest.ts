import type { EngineName, Scheduler, Service } from "../model/service.ts";
import { type Asked, type Ground, selectEngine } from "./select.ts";

/** The smallest change of a service that gives it an engine here. */
export interface Alternative {
  readonly engine: EngineName;
  /** What to write, or to leave out, in the config. */
  readonly changes: readonly string[];
}

/** One thing that a service can do without, and what is written then. */
interface Waiver {
  readonly words: string;
  readonly waive: (service: Service) => Service;
}

/** Leaves a setting as it is by default. */
function without(key: string, rest: Partial<Service>): Waiver {
  return { words: `leave ${key} out`, waive: (service) => ({ ...service, ...rest }) };
}

const BY_LOAD: readonly Scheduler[] = ["sed", "nq", "lr", "cpu"];

/** Stands for the name of the engine that is found. */
const ANY_ENGINE = "engine";

/** What hurts least first (docs/config.md has the defaults). */
const WAIVERS: readonly Waiver[] = [
  { words: ANY_ENGINE, waive: (service) => ({ ...service, engine: "auto" }) },
  { words: 'over_limit = "refuse"', waive: (service) => ({ ...service, over_limit: "refuse" }) },
  without("service.balance", { balance: { slow_start_ms: 0, bound: 0 } }),
  without("priority", { priority: undefined }),
  without("dscp", { dscp: undefined }),
  without("mark", { mark: 0 }),
  {
    words: "passive = false",
    waive: ({ health, backends, ...service }) => ({
      ...service,
      health: health && { ...health, passive: false },
      backends: backends.map(({ health, ...one }) => ({
        ...one,
        health: health && { ...health, passive: false },
      })),
    }),
  },
  {
    // For those that go by load themselves.
    words: 'scheduler = "wlc"',
    waive: (service) =>
      BY_LOAD.includes(service.scheduler) ? { ...service, scheduler: "wlc" } : service,
  },
  {
    words: 'scheduler = "wrr"',
    waive: (service) => ({ ...service, scheduler: "wrr" }),
  },
  {
    words: 'scheduler = "maglev"',
    waive: (service) => ({ ...service, scheduler: "maglev" }),
  },
  without("max_new_per_second", { max_new_per_second: 0 }),
  {
    words: "leave max_connections out",
    waive: (service) => ({
      ...service,
      max_connections: 0,
      backends: service.backends.map((backend) => ({ ...backend, max_connections: 0 })),
    }),
  },
  without("persistence", { persistence: undefined }),
  {
    words: "leave the backends' port out",
    waive: (service) => ({
      ...service,
      backends: service.backends.map((backend) => ({ ...backend, port: undefined })),
    }),
  },
  without("masquerade", { masquerade: false }),
  { words: 'forward = "dr"', waive: (service) => ({ ...service, forward: "dr" }) },
  { words: 'forward = "nat"', waive: (service) => ({ ...service, forward: "nat" }) },
  without("allow", { allow: [] }),
  without("deny", { deny: [] }),
];

/** More changes than this are another service. */
const CHANGES_MAX = 3;

/**
 * The nearest service to this one that some engine here could serve: with the fewest changes of the config.
 * Pure.
 *
 * @returns undefined where no such change helps
 */
export function nearestAlternative(
  service: Service,
  asked: Asked,
  ground: Ground,
): Alternative | undefined {
  // An engine named for the whole config cannot be waived for the service, but overridden there.
  const inside: Asked = { ...asked, configured: "auto" };
  const start = {
    ...service,
    engine: service.engine === "auto" ? asked.configured : service.engine,
  };
  const waivers = WAIVERS.filter(({ waive }) => differs(waive(start), start));
  for (let count = 1; count <= CHANGES_MAX; count++) {
    for (const some of combinations(waivers, count)) {
      const waived = some.reduce((one, { waive }) => waive(one), start);
      const { engine } = selectEngine(waived, inside, ground);
      if (engine) return { engine, changes: some.map(({ words }) => wordsFor(words, engine)) };
    }
  }
  return undefined;
}

function wordsFor(words: string, engine: EngineName): string {
  return words === ANY_ENGINE ? `engine = "${engine}"` : words;
}

function differs(a: Service, b: Service): boolean {
  return JSON.stringify(a) !== JSON.stringify(b);
}

/** Every choice of so many, in their order. */
function* combinations<T>(all: readonly T[], count: number): Generator<readonly T[]> {
  if (count === 0) return yield [];
  for (const [index, first] of all.entries()) {
    for (const rest of combinations(all.slice(index + 1), count - 1)) yield [first, ...rest];
  }
}
