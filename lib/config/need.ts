import { HEALTH_DEFAULTS } from "../model/health.ts";
import { type Draft, type DraftFile, type DraftService, isUnreadable } from "./draft.ts";
import type { Inspection } from "./inspection.ts";
import { type Path, type Problem, valueError } from "./problem.ts";
import type { WrittenHealth, WrittenService, WrittenSnmp } from "./schema.ts";

/** A key without which a table makes no sense, under a condition. */
interface Need<Table> {
  readonly when: (table: Draft<Table>) => boolean;
  readonly key: keyof Table & string;
  /** The condition, as written in the file. */
  readonly why: string;
}

const HEALTH_NEEDS: readonly Need<WrittenHealth>[] = [
  { when: ({ type }) => type === "exec", key: "command", why: 'type = "exec"' },
  { when: ({ type }) => type === "dns", key: "query", why: 'type = "dns"' },
  { when: ({ type }) => type === "snmp", key: "snmp", why: 'type = "snmp"' },
];

const SNMP_NEEDS: readonly Need<WrittenSnmp>[] = [
  { when: ({ version }) => version !== "3", key: "community_file", why: 'version = "2c"' },
  { when: ({ version }) => version === "3", key: "user", why: 'version = "3"' },
  { when: ({ auth }) => auth !== undefined, key: "auth_file", why: "auth" },
  { when: ({ privacy }) => privacy !== undefined, key: "auth", why: "privacy" },
  { when: ({ privacy }) => privacy !== undefined, key: "privacy_file", why: "privacy" },
];

const SERVICE_NEEDS: readonly Need<Omit<WrittenService, "backend">>[] = [
  {
    // Those of tcp are checked all the same.
    when: ({ scheduler, protocol = "tcp" }) => scheduler === "lr" && protocol !== "tcp",
    key: "health",
    why: 'scheduler = "lr"',
  },
  {
    when: (service) => service.scheduler === "cpu" && !("agent_port" in service),
    key: "snmp",
    why: 'scheduler = "cpu" without `agent_port`',
  },
];

/** What schedulers, health checks and reading by SNMP need and do not have. */
export function checkNeeds({ service, path, problems }: Inspection): void {
  const { health, snmp } = service;
  problems.push(...missing(SERVICE_NEEDS, service, path), ...uncheckedForTimes(service, path));
  if (health) {
    problems.push(...missing(HEALTH_NEEDS, healthOf(service), [...path, "health"]));
    problems.push(...slowChecks(health, [...path, "health"]));
  }
  if (snmp) checkSnmp(snmp, path, problems);
  if (health?.snmp) checkSnmp(health.snmp, [...path, "health"], problems);
  service.backend?.forEach((backend, index) => {
    const own = backend?.health;
    if (!own) return;
    const at = [...path, "backend", index, "health"];
    if (own.snmp) checkSnmp(own.snmp, at, problems);
    if (own.timeout !== undefined || own.interval !== undefined) {
      problems.push(...slowChecks({ ...health, ...own }, at));
    }
    // Without a type of its own it inherits one, and what that one lacks is reported at the service.
    if (own.type === undefined) return;
    problems.push(...missing(HEALTH_NEEDS, { ...healthOf(service), ...own }, at));
  });
}

/** A check that takes longer than it is until the next one. */
function slowChecks(health: Draft<WrittenHealth>, path: Path): Problem[] {
  // What could not be read leaves holes, and nothing follows from it.
  if (isUnreadable(health, "timeout") || isUnreadable(health, "interval")) return [];
  const { timeout, interval = HEALTH_DEFAULTS.interval_ms } = health;
  if (timeout === undefined || timeout <= interval) return [];
  const message = `a check may take ${timeout / 1_000} s, longer than \`interval\` says ` +
    `(${interval / 1_000} s): who does not answer is checked less often than that`;
  return [warning([...path, "timeout"], message)];
}

function warning(path: Path, message: string): Problem {
  return { ...valueError(path, message), severity: "warning" };
}

/** A `[notify]` by which nobody is told, or nothing signed. */
export function notifyWarnings({ notify }: DraftFile): Problem[] {
  if (!notify || Object.values(notify).flat().some((value) => value === undefined)) return [];
  const { webhook, program, secret_file } = notify;
  if (webhook === undefined && program === undefined) {
    return [warning(["notify"], "it has neither `webhook` nor `program`: nobody is told")];
  }
  if (webhook !== undefined || secret_file === undefined) return [];
  return [warning(["notify", "secret_file"], "without `webhook` it signs nothing")];
}

/** A scheduler that goes by the times of checks has to have some. */
function uncheckedForTimes({ scheduler, health }: DraftService, path: Path): Problem[] {
  if (scheduler !== "lr" || health?.type !== "none") return [];
  const message = 'scheduler = "lr" goes by the times of checks: `none` has no times';
  return [valueError([...path, "health", "type"], message)];
}

function healthOf(service: DraftService): Draft<WrittenHealth> {
  return { ..."snmp" in service && { snmp: service.snmp }, ...service.health };
}

function checkSnmp(snmp: WrittenSnmp, path: Path, problems: Problem[]): void {
  if (isUnreadable(snmp, "version")) return;
  problems.push(...missing(SNMP_NEEDS, snmp, [...path, "snmp"]));
}

function missing<Table>(
  needs: readonly Need<Table>[],
  table: Draft<Table>,
  path: Path,
): Problem[] {
  return needs.filter(({ when, key }) => when(table) && !(key in table)).map(({ key, why }) => ({
    severity: "error",
    path: [...path, key],
    at: "value",
    message: `missing key \`${key}\`, which ${why} needs`,
  }));
}
