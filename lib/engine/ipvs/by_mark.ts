import { fingerprint32 } from "../../model/fingerprint.ts";
import { isSingle } from "../../model/address.ts";
import type { MarkLayout } from "../../model/mark.ts";
import type { Service } from "../../model/service.ts";
import type { DesiredState, PlacedService } from "../../model/state.ts";

/**
 * Whether IPVS can know a service by a mark of its packets alone: by addresses it knows single ones, with one
 * port or, under persistence, all of them, and remembers a client for each. Pure.
 */
export function isByMark({ vip, ports, persistence }: Service | PlacedService): boolean {
  if (!vip.every(isSingle)) return true;
  if (ports === "all") return persistence === undefined;
  return ports.some(({ first, last }) => first !== last) ||
    persistence !== undefined && ports.length > 1;
}

/**
 * The mark of each service that has one, by its name: within lb's own bits, unique, and the same for as long
 * as the service is there. It is made of the name; where two names make the same, who has the older backend
 * keeps it. Pure.
 */
export function serviceMarks(
  { services, marks }: Pick<DesiredState, "services" | "marks">,
): ReadonlyMap<string, number> {
  const taken = new Set<number>();
  const found = services.filter(isByMark).toSorted(byAge).map(({ name }) => {
    let value = fingerprint32(name);
    while (taken.has(markOf(marks, value))) value++;
    const mark = markOf(marks, value);
    taken.add(mark);
    return [name, mark] as const;
  });
  return new Map(found);
}

/** Ids grow. In whatever order services come from the record. */
function byAge(a: PlacedService, b: PlacedService): number {
  return firstId(a) - firstId(b) || (a.name < b.name ? -1 : 1);
}

function firstId({ backends }: PlacedService): number {
  return Math.min(...backends.map(({ id }) => id), Number.MAX_SAFE_INTEGER);
}

/** All of lb's bits but none of them: 0 is no mark. */
function markOf({ mask, shift }: MarkLayout, value: number): number {
  const count = mask / 2 ** shift;
  return (1 + value % count) * 2 ** shift;
}
