import { BY_INTENT, levelChanges } from "../../health/change.ts";
import { intentsOf, type Wish, wished } from "../../health/drain.ts";
import { type Obstacle, wishChange } from "../../health/intent_change.ts";
import { NOTHING_TOLD, type Standings } from "../../health/standing.ts";
import { type Address, formatEndpoint } from "../../model/address.ts";
import { LbError } from "../../model/error.ts";
import type { HealthChange } from "../../model/health.ts";
import type { IntentRow } from "../../model/intent.ts";
import { type Backend, backendKey, fullName, type Service } from "../../model/service.ts";
import type { Config } from "../../model/settings.ts";

/** What an operator wants of one backend of a service. */
export interface Wanted {
  readonly address: Address;
  /** Without, the only backend with this address. */
  readonly port?: number;
  readonly wish: Wish;
}

/** What is on record from now on, and what has changed by it. */
export interface Granted {
  readonly rows: readonly IntentRow[];
  readonly changes: readonly HealthChange[];
}

/**
 * The intents of all backends after wishes for some of one service's. Pure.
 *
 * @param now_ms milliseconds since 1970
 * @param standings what is known of health: it tells whether backups enter, or nobody is left
 * @throws {LbError} `usage` where there is not exactly one such backend, or two wishes are for the same one
 */
export function grant(
  { services }: Pick<Config, "services">,
  name: string,
  wants: readonly Wanted[],
  known: readonly IntentRow[],
  now_ms: number,
  standings: Standings = NOTHING_TOLD,
): Granted {
  const service = services.find((one) => one.name === name);
  if (!service) throw new LbError("usage", `there is no service \`${name}\``);
  const rows = new Map(known.map((row) => [fullName(row.service, row.backend), row]));
  const seen = new Set<Backend>();
  const intents = intentsOf(known);
  const changes = wants.flatMap(({ wish, ...place }) => {
    const backend = findOne(service, place);
    if (seen.has(backend)) throw twice(service, backend);
    seen.add(backend);
    const before = intents(service, backend);
    const now = wished(wish, service, before, now_ms);
    const about = { service: name, backend: backendKey(backend) };
    const key = fullName(about.service, about.backend);
    if (now) rows.set(key, { ...now, ...about });
    else rows.delete(key);
    const whom = { ...about, endpoint: endpointOf(backend) };
    return wishChange(whom, before, now, now_ms, obstacleFor(service, backend, standings));
  });
  const granted = [...rows.values()];
  const [was, is] = [known, granted].map((each) => heeding(standings, each));
  const levels = levelChanges(service, was!, is!, BY_INTENT);
  return { rows: granted, changes: [...changes, ...levels] };
}

/** Of a backup, that it serves is told in a line of its own. */
function obstacleFor(service: Service, backend: Backend, standings: Standings): Obstacle {
  if (backend.weight === 0) return "weight";
  if (!standings(service, backend).isAble) return "health";
  return backend.backup ? "backup" : undefined;
}

/** Who drains or is in maintenance takes no new connections, however well it is. */
function heeding(standings: Standings, rows: readonly IntentRow[]): Standings {
  const intents = intentsOf(rows);
  return (service, backend) => {
    const standing = standings(service, backend);
    const intent = intents(service, backend)?.intent ?? "ready";
    return intent === "ready" ? standing : { ...standing, isAble: false };
  };
}

function findOne(
  { name, backends }: Service,
  { address, port }: Pick<Wanted, "address" | "port">,
): Backend {
  const fits = backends.filter((one) =>
    one.address.text === address.text && (port === undefined || one.port === port)
  );
  const [only, ...others] = fits;
  if (only && others.length === 0) return only;
  const found = only ? `fits several backends of \`${name}\`` : "is none of its backends";
  const list = (only ? fits : backends).map(endpointOf).join(", ") || "there are none";
  const where = only ? "" : `service \`${name}\`: `;
  throw new LbError("usage", `${where}${formatEndpoint(address, port)} ${found}: ${list}`);
}

function twice({ name }: Service, backend: Backend): LbError {
  return new LbError(
    "usage",
    `service \`${name}\`: two things are wanted of ${endpointOf(backend)} at once`,
  );
}

function endpointOf({ address, port }: Pick<Backend, "address" | "port">): string {
  return formatEndpoint(address, port);
}
