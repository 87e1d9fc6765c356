import { FAMILIES } from "../../../model/address.ts";
import type { PlacedService } from "../../../model/state.ts";
import { backendNames, serviceNames } from "../names.ts";

/**
 * What was changed behind lb's back and may concern a service: its own objects, and those that all share. Pure.
 *
 * @param service undefined: what all share is of interest, and no service's own
 * @param drift objects, as drift names them
 */
export function doubtsAbout(
  service: PlacedService | undefined,
  services: readonly PlacedService[],
  drift: readonly string[],
): string[] {
  if (drift.length === 0) return [];
  const others = new Set(services.filter((one) => one !== service).flatMap(namesOf));
  return drift.filter((object) => !others.has(object.split(" ").at(-1)!))
    .map((object) => `${object} was changed behind lb's back`);
}

function namesOf(service: PlacedService): string[] {
  return [
    ...FAMILIES.flatMap((family) => Object.values(serviceNames(service, family))),
    ...service.backends.flatMap(({ id }) => Object.values(backendNames(id))),
  ];
}
