import type { Address } from "../../model/address.ts";
import type { LoadFigure } from "../../model/load.ts";
import type { Health, HealthType, Snmp } from "../../model/service.ts";
import type { Check, CheckPorts } from "./call.ts";
import { reasonOf } from "./failure.ts";
import { inPool } from "./pool.ts";

export type { CheckPorts } from "./call.ts";

/** A backend, and how it is to be checked. */
export interface CheckTarget {
  readonly service: string;
  readonly address: Address;
  /** Where it listens; undefined where clients choose, and each kind then has a port of its own. */
  readonly port?: number;
  /** Whole: the service's check with what the backend has of its own. */
  readonly health: Health;
  /** It is not checked, but asked how busy it is: by this. */
  readonly load?: LoadSource;
}

/** Who tells how busy a backend is: its SNMP agent, or a program at a port of its own. */
export interface LoadSource {
  readonly snmp?: Snmp;
  readonly agent_port?: number;
}

/** What came of a check. */
export interface CheckResult {
  readonly ok: boolean;
  /** Why not, in words; empty where it is well. */
  readonly reason: string;
  readonly took_ms: number;
  /** How busy it is, where it was asked that. */
  readonly load?: LoadFigure;
}

/** How {@linkcode runChecks} goes about it. */
export interface CheckOptions {
  /** The config file: a program is run only where nobody but root can have named it. */
  readonly config?: string;
  /** How many checks of a kind are under way at once. @default LIMITS */
  readonly limits?: Partial<Readonly<Record<CheckKind, number>>>;
  /** Whose turn comes later is not checked. @default all are */
  readonly begin_within_ms?: number;
}

/** What is done alike: a kind of check, or the question how busy it is. */
type CheckKind = HealthType | "load";

/**
 * How many checks of a kind are under way at once. A socket that waits costs nothing; a handshake takes a
 * millisecond of processor time, and more of them at once would only be late together. What hangs holds its
 * place for a time-out: 300 of a kind that allows 256 take two. Silence is as good as it gets for udp. All
 * together stay below 4096 open files.
 */
const LIMITS: Readonly<Record<CheckKind, number>> = {
  tcp: 512,
  icmp: 512,
  http: 512,
  https: 256,
  udp: 1024,
  dns: 512,
  snmp: 256,
  exec: 32,
  none: 1,
  load: 256,
};

/** Each kind, loaded when there is one to check: cron starts lb every minute. */
const CHECKS: Readonly<Record<CheckKind, (ports: CheckPorts) => Promise<Check>>> = {
  tcp: async () => (await import("./tcp.ts")).checkTcp,
  icmp: async () => (await import("./icmp.ts")).checkIcmp,
  http: async () => (await import("./http.ts")).checkHttp,
  https: async (ports) => {
    await ports.tls();
    return (await import("./https.ts")).checkHttps;
  },
  udp: async () => (await import("./udp.ts")).checkUdp,
  dns: async () => (await import("./dns.ts")).checkDns,
  snmp: async () => (await import("./snmp.ts")).checkSnmp,
  exec: async () => (await import("./exec.ts")).checkExec,
  none: () => Promise.resolve(() => Promise.resolve()),
  load: async () => (await import("./load.ts")).readLoad,
};

function kindOf({ health, load }: CheckTarget): CheckKind {
  return load ? "load" : health.type;
}

/**
 * Checks all of them, each within its time-out whatever the backend does.
 *
 * @returns a result for each that began in time, in the same order; never throws for a backend's fault
 */
export async function runChecks(
  targets: readonly CheckTarget[],
  ports: CheckPorts,
  { config, limits, begin_within_ms = Infinity }: CheckOptions = {},
): Promise<readonly (CheckResult | undefined)[]> {
  const results: (CheckResult | undefined)[] = targets.map(() => undefined);
  const kinds = new Set(targets.map(kindOf));
  // All of it before the first check begins: what loads meanwhile would count as the backend's time.
  const checks = await Promise.all(
    Array.from(kinds, async (type) => ({ type, check: await CHECKS[type](ports) })),
  );
  const until_ms = ports.peers.now_ms() + begin_within_ms;
  await Promise.all(checks.map(({ type, check }) => {
    const indices = [...targets.keys()].filter((index) => kindOf(targets[index]!) === type);
    return inPool(indices, limits?.[type] ?? LIMITS[type], async (index) => {
      if (ports.peers.now_ms() > until_ms) return;
      results[index] = await runOne(check, targets[index]!, ports, config);
    }, () => ports.clock.sleep(0));
  }));
  return results;
}

async function runOne(
  check: Check,
  target: CheckTarget,
  ports: CheckPorts,
  config?: string,
): Promise<CheckResult> {
  const started_ms = ports.peers.now_ms();
  const took_ms = () => ports.peers.now_ms() - started_ms;
  try {
    const until_ms = started_ms + target.health.timeout_ms;
    const load = await check({ ...target, ports, config, until_ms }) || undefined;
    return { ok: true, reason: "", took_ms: took_ms(), ...load && { load } };
  } catch (error) {
    return { ok: false, reason: reasonOf(error, target), took_ms: took_ms() };
  }
}
