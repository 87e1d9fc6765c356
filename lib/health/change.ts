import { FAMILIES, type Family, formatEndpoint } from "../model/address.ts";
import type { HealthChange, HealthRecord, Panic } from "../model/health.ts";
import { plural } from "../model/plural.ts";
import { type Backend, familiesOf, type Health, type Service } from "../model/service.ts";
import { neededToRise } from "./hysteresis.ts";
import type { Standings } from "./standing.ts";
import type { CheckedBackend } from "./target.ts";

/** What a pass has changed of a backend, for people; nothing where it is as before. Pure. */
export function backendChange(
  checked: CheckedBackend,
  before: HealthRecord | undefined,
  now: HealthRecord,
  isHeld: boolean,
): HealthChange[] {
  const words = wordsFor(checked.health, before, now, isHeld);
  if (words === undefined) return [];
  const { service: { name }, backend, key } = checked;
  const message = `${name} ${formatEndpoint(backend.address, backend.port)} ${words}`;
  return [{ kind: "health", service: name, backend: key, message }];
}

function wordsFor(
  { rise }: Health,
  before: HealthRecord | undefined,
  { state, reason }: HealthRecord,
  isHeld: boolean,
): string | undefined {
  // That a new one is well goes without saying.
  if (!before && (state === "healthy" || isHeld)) return undefined;
  if (!before && state === "unknown") {
    return `gets no connections yet: its first check failed: ${reason}`;
  }
  if (before?.state === state) return undefined;
  if (state === "unhealthy") {
    // In a panic they may have been more than it takes.
    const failed = (before?.streak ?? 0) + 1;
    return `is unhealthy: ${reason} (${plural(failed, "failed check")})`;
  }
  if (before?.state === "unknown") return "is healthy: it gets connections now";
  const needed = neededToRise({ rise }, before?.flaps ?? 0);
  return `is healthy again (${plural(needed, "good check")})`;
}

/** That a panic begins, or has ended. Pure. */
export function panicChanges(
  { name }: Service,
  before: Panic | undefined,
  now: Panic | undefined,
  { held, of, panic, lasting }: {
    readonly held: number;
    readonly of: number;
    readonly panic: number;
    /** Who fails still, and leaves with the next failed check. */
    readonly lasting: number;
  },
): HealthChange[] {
  if (!before === !now) return [];
  const leaving = lasting > 0
    ? `; ${plural(lasting, "backend")} that failed once more will leave with the next failed check`
    : "";
  const message = now
    ? `${name}: ${held} of ${
      plural(of, "backend")
    } failed within one pass, which is not believed ` +
      `(panic = ${panic}): connections go where they went before`
    : `${name}: no panic any more, checks are believed again${leaving}`;
  return [{ kind: "panic", service: name, message }];
}

/** Who takes a service's connections. */
type Level = "primaries" | "backups" | "nobody";

/** How a change of levels is told. */
interface LevelTold {
  readonly kind: HealthChange["kind"];
  readonly words: Readonly<Record<Level, string>>;
}

const BY_HEALTH: LevelTold = {
  kind: "health",
  words: {
    primaries: "a primary is healthy again: backups leave",
    backups: "no primary is healthy: backups take over",
    nobody: "no backend is healthy: connections are refused",
  },
};

/** Where somebody wants it so. */
export const BY_INTENT: LevelTold = {
  kind: "drain",
  words: {
    primaries: "a primary takes connections again: backups leave",
    backups: "no primary takes connections: backups take over",
    nobody: "no backend takes connections: they are refused",
  },
};

/** That backups enter or leave, or that nobody is left, in each IP version. Pure. */
export function levelChanges(
  service: Service,
  before: Standings,
  after: Standings,
  { kind, words }: LevelTold = BY_HEALTH,
): HealthChange[] {
  const families = familiesOf(service);
  return FAMILIES.filter((family) => families.includes(family)).flatMap((family) => {
    const was = levelOf(service, family, before);
    const is = levelOf(service, family, after);
    if (was === is) return [];
    const what = was === "nobody" ? "a backend takes connections again" : words[is];
    const where = families.length > 1 ? ` (IPv${family})` : "";
    return [{ kind, service: service.name, message: `${service.name}: ${what}${where}` }];
  });
}

function levelOf(service: Service, family: Family, standings: Standings): Level {
  const able = service.backends.filter((backend) =>
    backend.address.family === family && isServing(service, backend, standings)
  );
  if (able.length === 0) return "nobody";
  return able.every(({ backup }) => backup) ? "backups" : "primaries";
}

function isServing(service: Service, backend: Backend, standings: Standings): boolean {
  return backend.weight > 0 && standings(service, backend).isAble;
}
