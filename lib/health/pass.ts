import {
  HEALTH_DEFAULTS,
  type HealthChange,
  type HealthRow,
  type HealthState,
  type Panic,
} from "../model/health.ts";
import { fullName, type Service } from "../model/service.ts";
import { backendChange, levelChanges, panicChanges } from "./change.ts";
import type { CheckResult } from "./check/check.ts";
import { recordSince, step, unbelieved } from "./hysteresis.ts";
import { type Checked, unbelievable } from "./panic.ts";
import { standingsOf } from "./standing.ts";
import type { CheckedBackend } from "./target.ts";

/** What is on record of health. */
export interface Known {
  readonly rows: readonly HealthRow[];
  readonly panics: readonly Panic[];
}

/** What comes of a pass. */
export interface Judged extends Known {
  readonly changes: readonly HealthChange[];
}

/** A backend beside what this pass found, if it was checked. */
export interface Seen extends CheckedBackend {
  readonly result?: CheckResult;
}

interface Member extends Checked {
  readonly seen: Seen;
  readonly known?: HealthRow;
}

/**
 * Steps every backend on by what a pass found of it, and tells what has changed. Pure.
 *
 * @param seen all backends that are checked, whether or not they were in this pass
 * @param now_ms milliseconds since 1970
 * @param first what those count as that were never checked: healthy, where they have been getting connections
 * @returns all rows as they are from now on: of other backends none is left
 */
export function judge(
  seen: readonly Seen[],
  known: Known,
  now_ms: number,
  first: HealthState = "unknown",
): Judged {
  const rowOf = new Map(known.rows.map((row) => [fullName(row.service, row.backend), row]));
  const panicOf = new Map(known.panics.map((panic) => [panic.service, panic]));
  const groups = Map.groupBy(seen, ({ service }) => service);
  const judged = Array.from(groups, ([service, group]) => {
    const members = group.map((one) =>
      memberOf(one, rowOf.get(fullName(service.name, one.key)), first)
    );
    return judgeService(service, members, panicOf.get(service.name), now_ms);
  });
  const now = {
    rows: judged.flatMap(({ rows }) => rows),
    panics: judged.flatMap(({ panics }) => panics),
  };
  const before = standingsOf(known.rows, known.panics, now_ms);
  const after = standingsOf(now.rows, now.panics, now_ms);
  const levels = [...groups.keys()].flatMap((service) => levelChanges(service, before, after));
  return { ...now, changes: [...judged.flatMap(({ changes }) => changes), ...levels] };
}

function memberOf(seen: Seen, known: HealthRow | undefined, first: HealthState): Member {
  const { backend: { address, backup, weight }, result } = seen;
  const state = known?.state ?? first;
  const ok = result?.ok ?? known?.reason === "";
  return { family: address.family, backup, weight, state, ok, seen, known };
}

function judgeService(
  service: Service,
  members: readonly Member[],
  before: Panic | undefined,
  now_ms: number,
): Judged {
  const { panic } = service.health ?? HEALTH_DEFAULTS;
  // Of whom nothing is known, nothing follows for the others.
  const told = members.filter(({ known, seen: { result } }) => known || result);
  const held = new Set(unbelievable(told, panic));
  const isLifted = before !== undefined && held.size === 0;
  const stepped = members.map((member) => ({
    member,
    row: rowAfter(member, held.has(member) || isLifted && isSpared(member), now_ms),
  }));
  const panics = held.size > 0 ? [before ?? { service: service.name, since_ms: now_ms }] : [];
  const lasting = stepped.filter(({ member, row }) => row && isLeaving(member, row)).length;
  const about = { held: held.size, of: members.length, panic, lasting };
  const changes = [
    ...panicChanges(service, before, panics[0], about),
    ...stepped.flatMap(({ member, row }) =>
      row ? backendChange(member.seen, member.known, row, held.has(member)) : []
    ),
  ];
  return { rows: stepped.flatMap(({ row }) => row ?? []), panics, changes };
}

/**
 * The checks of a pass are not all of one moment: where the way heals in the midst of it, some still fail. So the
 * pass that ends a panic condemns nobody yet; the next one does, who has failed for long by then.
 */
function isSpared({ state, ok }: Member): boolean {
  return !ok && state !== "unhealthy";
}

/** Whether its next failed check is the last that it takes. */
function isLeaving({ seen: { health } }: Member, { state, reason, streak }: HealthRow): boolean {
  return state === "healthy" && reason !== "" && streak + 1 >= health.fall;
}

function rowAfter(
  { seen: { service, key, health, result }, known, state }: Member,
  isHeld: boolean,
  now_ms: number,
): HealthRow | undefined {
  if (!result) return known;
  const before = known ?? recordSince(now_ms, state);
  const record = isHeld ? unbelieved(before, result, now_ms) : step(before, result, health, now_ms);
  return { ...record, service: service.name, backend: key };
}
