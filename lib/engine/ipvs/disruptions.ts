import type { DesiredState, PlacedService } from "../../model/state.ts";

/**
 * IPVS's own table of connections keeps each at its backend, which knows it by the address that it came from:
 * masquerade gives it another one. Pure.
 */
export function disruptions(want: DesiredState, have: DesiredState): string[] {
  const before = new Map(have.services.map((service) => [service.name, service]));
  return want.services.flatMap((after) => {
    const found = before.get(after.name);
    return found && found.masquerade !== after.masquerade ? [broken(after)] : [];
  });
}

function broken({ name, masquerade }: PlacedService): string {
  const begun = masquerade ? "begins" : "ends";
  return `the established connections of ${name} break: masquerade ${begun}, and backends know them ` +
    "by the address they came from";
}
