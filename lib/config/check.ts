import { DEFAULT_MARK_MASK } from "../model/mark.ts";
import { type Family, fullLength, isSingle } from "../model/address.ts";
import { backendKey } from "../model/service.ts";
import {
  type Draft,
  type DraftBackend,
  type DraftFile,
  type DraftService,
  isUnreadable,
} from "./draft.ts";
import { overlapsWithin } from "./clash.ts";
import { overlapsBetween } from "./overlap.ts";
import { type Path, type Problem, valueError } from "./problem.ts";
import type { WrittenHealth, WrittenSnmp } from "./schema.ts";
import { whyUnusable } from "./special.ts";

/**
 * What no single key shows: everything that is wrong between keys, backends and services.
 *
 * @param file what could be read; what could not is in no check
 */
export function checkAll(file: DraftFile): Problem[] {
  const services = (file.service ?? []).flatMap((service, index) =>
    service ? SERVICE_CHECKS.flatMap((check) => check(service, ["service", index], file)) : []
  );
  return [...sameNames(file), ...overlapsBetween(file), ...backendsThatAreVips(file), ...services];
}

type ServiceCheck = (service: DraftService, path: Path, file: DraftFile) => Problem[];

const SERVICE_CHECKS: readonly ServiceCheck[] = [
  specialAddresses,
  overlapsWithin,
  sameBackends,
  foreignBackends,
  unservedVips,
  sharedMarkBits,
  incompleteHealth,
  incompleteSnmp,
];

function sameNames(file: DraftFile): Problem[] {
  const owners = new Map<string, number>();
  return (file.service ?? []).flatMap((service, index): Problem[] => {
    if (service?.name === undefined) return [];
    const owner = owners.get(service.name);
    if (owner === undefined) owners.set(service.name, index);
    return owner === undefined ? [] : [valueError(
      ["service", index, "name"],
      `another service is called \`${service.name}\``,
      { other: ["service", owner, "name"] },
    )];
  });
}

/** A connection is translated once: what is sent to a VIP from here is answered by this machine itself. */
function backendsThatAreVips({ service: services = [] }: DraftFile): Problem[] {
  const vips = new Map<string, Path>();
  for (const [index, service] of services.entries()) {
    for (const [at, vip] of (service?.vip ?? []).entries()) {
      if (vip && isSingle(vip)) vips.set(vip.text, ["service", index, "vip", at]);
    }
  }
  return services.flatMap((service, index) =>
    (service?.backend ?? []).flatMap((backend, at): Problem[] => {
      const other = vips.get(backend?.address?.text ?? "");
      const path = ["service", index, "backend", at, "address"];
      const message = "a backend cannot be a VIP of lb's: name the machines behind it";
      return other ? [valueError(path, message, { other })] : [];
    })
  );
}

function specialAddresses({ vip = [], backend = [] }: DraftService, path: Path): Problem[] {
  const vips = vip.map((one, index) => [one, [...path, "vip", index]] as const);
  const backends = backend.map((one, index) => {
    const address = one?.address;
    const prefix = address && { ...address, length: fullLength(address.family) };
    return [prefix, [...path, "backend", index, "address"]] as const;
  });
  return [...vips, ...backends].flatMap(([prefix, at]): Problem[] => {
    const why = prefix && whyUnusable(prefix);
    return why ? [valueError(at, why)] : [];
  });
}

function sameBackends(service: DraftService, path: Path): Problem[] {
  const owners = new Map<string, number>();
  return backendsOf(service).flatMap(([backend, index]): Problem[] => {
    const { address, port } = backend;
    if (!address || isUnreadable(backend, "port")) return [];
    const key = backendKey({ address, port });
    const owner = owners.get(key);
    if (owner === undefined) owners.set(key, index);
    return owner === undefined ? [] : [valueError(
      [...path, "backend", index, "address"],
      "this service has a backend with the same address and port",
      { other: [...path, "backend", owner, "address"] },
    )];
  });
}

function foreignBackends(service: DraftService, path: Path, file: DraftFile): Problem[] {
  const families = readableFamilies(service);
  if (!families || mayRelay(service, file)) return [];
  return backendsOf(service).flatMap(([{ address }, index]): Problem[] => {
    if (!address || families.includes(address.family)) return [];
    const message = `${address.text} is IPv${address.family}, and the service has no such VIP`;
    const hint = "give the service a VIP of that family, or the engine `relay`";
    return [valueError([...path, "backend", index, "address"], message, { hint })];
  });
}

function unservedVips(service: DraftService, path: Path, file: DraftFile): Problem[] {
  const families = readableFamilies(service);
  const backends = service.backend ?? [];
  const unreadable = isUnreadable(service, "backend") || backends.some((one) => !one?.address);
  if (!families || unreadable) return [];
  const relayed = mayRelay(service, file) && backends.length > 0;
  const served = (family: Family) =>
    relayed || backends.some((one) => one?.address?.family === family && one.weight !== 0);
  const isThere = (family: Family) => backends.some((one) => one?.address?.family === family);
  return families.filter((family) => !served(family)).map((family): Problem => {
    const index = service.vip?.findIndex((vip) => vip?.family === family) ?? 0;
    const lacking = isThere(family)
      ? `every backend with an IPv${family} address has weight 0`
      : `no backend has an IPv${family} address`;
    const message = `${lacking}: connections to it are refused`;
    return { ...valueError([...path, "vip", index], message), severity: "warning" };
  });
}

function sharedMarkBits(service: DraftService, path: Path, file: DraftFile): Problem[] {
  if (file.lb && isUnreadable(file.lb, "mark_mask")) return [];
  const mask = file.lb?.mark_mask?.mask ?? DEFAULT_MARK_MASK;
  const shared = ((service.mark ?? 0) & mask) >>> 0;
  if (shared === 0) return [];
  const message = `${hex(shared)} lies within mark_mask (${hex(mask)}), which lb needs for itself`;
  return [valueError([...path, "mark"], message)];
}

function hex(bits: number): string {
  return `0x${bits.toString(16)}`;
}

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

function incompleteHealth(service: DraftService, path: Path): Problem[] {
  const inherited = "snmp" in service ? { snmp: service.snmp } : {};
  const own = { ...inherited, ...service.health };
  const problems = service.health ? missing(HEALTH_NEEDS, own, [...path, "health"]) : [];
  return backendsOf(service).reduce((all, [{ health }, index]) => {
    // Without a type of its own it inherits one, and what that one lacks is reported at the service.
    if (health?.type === undefined) return all;
    const at = [...path, "backend", index, "health"];
    return [...all, ...missing(HEALTH_NEEDS, { ...own, ...health }, at)];
  }, problems);
}

function incompleteSnmp(service: DraftService, path: Path): Problem[] {
  const tables: [WrittenSnmp | undefined, Path][] = [
    [service.snmp, [...path, "snmp"]],
    [service.health?.snmp, [...path, "health", "snmp"]],
    ...backendsOf(service).map(([{ health }, index]): [WrittenSnmp | undefined, Path] => [
      health?.snmp,
      [...path, "backend", index, "health", "snmp"],
    ]),
  ];
  return tables.flatMap(([snmp, at]) =>
    snmp && !isUnreadable(snmp, "version") ? missing(SNMP_NEEDS, snmp, at) : []
  );
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

function backendsOf(service: DraftService): (readonly [DraftBackend, number])[] {
  return (service.backend ?? []).flatMap((backend, index): (readonly [DraftBackend, number])[] =>
    backend ? [[backend, index]] : []
  );
}

/** Undefined unless every VIP could be read. */
function readableFamilies({ vip }: DraftService): Family[] | undefined {
  if (!vip || vip.includes(undefined)) return undefined;
  return [...new Set(vip.flatMap((one) => one ? [one.family] : []))];
}

/** Whether backends may be of any family: so is assumed, too, of an engine that could not be read. */
function mayRelay(service: DraftService, file: DraftFile): boolean {
  if (isUnreadable(service, "engine")) return true;
  if (service.engine !== undefined) return service.engine === "relay";
  return file.lb !== undefined && (file.lb.engine === "relay" || isUnreadable(file.lb, "engine"));
}
