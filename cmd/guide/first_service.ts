import type { FirstService } from "../../lib/config/first_service.ts";
import type { LoadedConfig } from "../../lib/config/load.ts";
import type { CheckTarget } from "../../lib/health/check/check.ts";
import { formatEndpoint } from "../../lib/model/address.ts";
import { LbError } from "../../lib/model/error.ts";
import { HEALTH_DEFAULTS } from "../../lib/model/health.ts";
import type {
  EngineName,
  HealthType,
  Protocol,
  Scheduler,
  Service,
} from "../../lib/model/service.ts";
import type { Paint } from "../../lib/report/table.ts";
import { context, type Places } from "../context.ts";
import type { WeightedEndpoint } from "../shared/endpoint.ts";

/** What flags say of a first service. */
export interface Said {
  readonly service?: string;
  readonly protocol?: Protocol;
  readonly vip: readonly string[];
  readonly port: readonly string[];
  readonly backend: readonly WeightedEndpoint[];
  readonly vipOn?: string;
  readonly engine?: EngineName | "auto";
  readonly scheduler?: Scheduler;
  readonly masquerade: boolean;
}

/** What goes without saying. */
export const FIRST_DEFAULTS = {
  name: "web",
  protocol: "tcp",
  vip_on: "auto",
  engine: "auto",
  scheduler: "wrr",
} as const satisfies Partial<FirstService>;

/** The sample, beside the program: in the repository and in every build. */
const SAMPLE = "templates/lb.toml";

/** Longer than any network in a building takes; somebody is waiting. */
const TRY_MS = 1_000;

/** Whether anything is said of a service. */
export function isSaid(said: Said): boolean {
  const { service, protocol, vipOn, engine, scheduler, vip, port, backend, masquerade } = said;
  const words = [service, protocol, vipOn, engine, scheduler];
  return masquerade || words.some((word) => word !== undefined) ||
    [vip, port, backend].some((list) => list.length > 0);
}

/** The service that flags alone describe. @throws {LbError} `usage` where that takes more of them */
export function serviceOf(said: Said): FirstService {
  const needed = { "--vip": said.vip, "--port": said.port, "--backend": said.backend };
  const missing = Object.entries(needed).filter(([, list]) => list.length === 0)
    .map(([flag]) => flag);
  if (missing.length === 0) return withDefaults(said);
  throw new LbError("usage", `a service needs ${missing.join(", ")}, too`);
}

/** The same as far as it has been said. */
export function withDefaults(said: Said): FirstService {
  const { vip, port, backend, masquerade, ...rest } = said;
  return {
    name: rest.service ?? FIRST_DEFAULTS.name,
    protocol: rest.protocol ?? FIRST_DEFAULTS.protocol,
    vip,
    ports: port,
    vip_on: rest.vipOn ?? FIRST_DEFAULTS.vip_on,
    engine: rest.engine ?? FIRST_DEFAULTS.engine,
    scheduler: rest.scheduler ?? FIRST_DEFAULTS.scheduler,
    masquerade,
    backends: backend,
  };
}

/** The sample config. @throws {LbError} `bug` where the build lacks it */
export function sampleText(): string {
  const sample = context.files.read(`${context.home()}/${SAMPLE}`);
  if (sample !== undefined) return sample;
  throw new LbError("bug", `${SAMPLE} is missing from this build of lb`);
}

/**
 * The config for a service, as it would be read again.
 *
 * @throws {ConfigError} with all that is wrong with it; its places are those of a file that is not there yet
 */
export async function draftConfig(
  { config }: Pick<Places, "config">,
  service: FirstService,
): Promise<LoadedConfig> {
  const [{ firstConfig }, { parseConfig }] = await Promise.all([
    import("../../lib/config/first_service.ts"),
    import("../../lib/config/load.ts"),
  ]);
  return await parseConfig(firstConfig(sampleText(), service), `${config}, not written yet`);
}

/** @returns whether it was written: no file that is there is written over */
export function writeFirst({ config }: Pick<Places, "config">, text: string): boolean {
  if (context.files.stat(config)) return false;
  context.files.mkdir(config.replace(/[^/]*$/, "") || ".", 0o755);
  context.files.replace(config, text, 0o644);
  return true;
}

/** Whether a backend can be reached from here. */
export interface Tried {
  /** `198.51.100.11:8080` */
  readonly backend: string;
  readonly check: HealthType;
  readonly ok: boolean;
  /** Why not; empty where it can. */
  readonly reason: string;
  readonly ms: number;
}

/** Tries each backend of a config once, all at the same time. */
export async function tryBackends(
  places: Pick<Places, "config">,
  services: readonly Service[],
): Promise<Tried[]> {
  const { targetOf } = await import("../../lib/health/target.ts");
  const targets = services.flatMap((service) =>
    service.backends.map((backend): CheckTarget => {
      const health = { ...HEALTH_DEFAULTS, timeout_ms: TRY_MS };
      const target = targetOf({ service, backend, key: "", health });
      return { ...target, health: { ...health, type: checkFor(service, target.port) } };
    })
  );
  const results = await context.checker(places)(targets, {});
  return targets.map(({ address, port, health }, index) => {
    const { ok = false, reason = "", took_ms = 0 } = results[index] ?? {};
    const ms = Math.round(took_ms * 10) / 10;
    return { backend: formatEndpoint(address, port), check: health.type, ok, reason, ms };
  });
}

/** Whether a port of sctp is open is for no check of lb's to see: then, whether the machine is there. */
function checkFor({ protocol }: Service, port: number | undefined): HealthType {
  return protocol === "sctp" || port === undefined ? "icmp" : protocol;
}

/** What came of it, in a line. */
export function triedLine(tried: Tried, paint: Paint): string {
  return tried.ok ? triedWords(tried) : paint(`! ${triedWords(tried)}`, "yellow");
}

/** The same without colours. */
export function triedWords({ backend, check, ok, reason, ms }: Tried): string {
  const how = check === "icmp" ? "answers a ping" : check === "udp" ? "is not closed" : "answers";
  return ok ? `${backend} ${how} (${ms} ms)` : `${backend}: ${reason}`;
}
