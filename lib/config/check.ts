import { type Family, isSingle } from "../model/address.ts";
import { DEFAULT_MARK_MASK } from "../model/mark.ts";
import { checkAddresses, checkTwins } from "./backend_check.ts";
import { checkOverlapsWithin } from "./clash.ts";
import { type DraftBackend, type DraftFile, type DraftService, isUnreadable } from "./draft.ts";
import { type Inspection, mayRelay, readableFamilies } from "./inspection.ts";
import { checkIdle } from "./idle.ts";
import { checkNeeds, notifyWarnings } from "./need.ts";
import { overlapsBetween } from "./overlap.ts";
import { type Path, type Problem, valueError } from "./problem.ts";
import { whyUnusable } from "./special.ts";

/**
 * What no single key shows: everything that is wrong between keys, backends and services.
 *
 * @param file what could be read; what could not is in no check
 */
export function checkAll(file: DraftFile): Problem[] {
  const services = file.service ?? [];
  const problems = [
    ...notifyWarnings(file),
    ...sameNames(services),
    ...overlapsBetween(file),
  ];
  const shared = { file, vips: vipsOf(services), users: new Map<string, DraftService>(), problems };
  services.forEach((service, index) => {
    if (!service) return;
    const view: Inspection = { ...shared, service, path: ["service", index] };
    for (const check of SERVICE_CHECKS) check(view);
  });
  return problems;
}

const SERVICE_CHECKS: readonly ((view: Inspection) => void)[] = [
  checkVips,
  checkAddresses,
  checkTwins,
  checkOverlapsWithin,
  checkUnserved,
  checkMark,
  checkNeeds,
  checkIdle,
];

function sameNames(services: readonly (DraftService | undefined)[]): Problem[] {
  const owners = new Map<string, number>();
  const problems: Problem[] = [];
  services.forEach((service, index) => {
    if (service?.name === undefined) return;
    const owner = owners.get(service.name);
    if (owner === undefined) return void owners.set(service.name, index);
    const message = `another service is called \`${service.name}\``;
    const other = ["service", owner, "name"];
    problems.push(valueError(["service", index, "name"], message, { other }));
  });
  return problems;
}

function vipsOf(services: readonly (DraftService | undefined)[]): ReadonlyMap<string, Path> {
  const vips = new Map<string, Path>();
  services.forEach((service, index) => {
    service?.vip?.forEach((vip, at) => {
      if (vip && isSingle(vip)) vips.set(vip.text, ["service", index, "vip", at]);
    });
  });
  return vips;
}

function checkVips({ service, path, problems }: Inspection): void {
  service.vip?.forEach((vip, index) => {
    const why = vip && whyUnusable(vip);
    if (why) problems.push(valueError([...path, "vip", index], why));
  });
}

function checkUnserved(view: Inspection): void {
  const { service, path, problems } = view;
  const families = readableFamilies(view);
  const backends = service.backend ?? [];
  const unreadable = isUnreadable(service, "backend") || backends.some((one) => !one?.address);
  if (!families || unreadable) return;
  if (mayRelay(view) && backends.length > 0) return;
  for (const family of families) {
    const why = whyUnserved(backends, family);
    if (why === undefined) continue;
    const index = service.vip?.findIndex((vip) => vip?.family === family) ?? 0;
    const message = `${why}: connections to it are refused`;
    problems.push({ ...valueError([...path, "vip", index], message), severity: "warning" });
  }
}

function whyUnserved(
  backends: readonly (DraftBackend | undefined)[],
  family: Family,
): string | undefined {
  const own = backends.filter((one) => one?.address?.family === family);
  if (own.length === 0) return `no backend has an IPv${family} address`;
  if (own.some((one) => one?.weight !== 0)) return undefined;
  return `every backend with an IPv${family} address has weight 0`;
}

function checkMark({ service, path, file: { lb }, problems }: Inspection): void {
  if (lb && isUnreadable(lb, "mark_mask")) return;
  const mask = lb?.mark_mask?.mask ?? DEFAULT_MARK_MASK;
  const shared = ((service.mark ?? 0) & mask) >>> 0;
  if (shared === 0) return;
  const message = `${hex(shared)} lies within mark_mask (${hex(mask)}), which lb needs for itself`;
  problems.push(valueError([...path, "mark"], message));
}

function hex(bits: number): string {
  return `0x${bits.toString(16)}`;
}
