import { FAMILIES, type Family } from "../../../model/address.ts";
import { familiesOf } from "../../../model/service.ts";
import type { DesiredState, PlacedService } from "../../../model/state.ts";
import { movedShare } from "../../../scheduler/moved.ts";
import { slotsOf } from "../../../scheduler/slots.ts";

/**
 * Without a table of connections every packet is sent by what the slots say now. What is translated goes
 * on by conntrack, whatever the slots say. Pure.
 */
export function disruptions(want: DesiredState, have: DesiredState): string[] {
  const before = new Map(have.services.map((service) => [service.name, service]));
  return want.services.flatMap((after) => {
    const found = before.get(after.name);
    if (!found || found === after) return [];
    if (found.forward !== after.forward) return [broken(found, after)];
    return after.forward === "dr" ? moved(found, after) : [];
  });
}

/** A backend knows its connections by their addresses and ports, which dr leaves alone and nat does not. */
function broken({ name, forward }: PlacedService, after: PlacedService): string {
  return `the established connections of ${name} break: forward changes from ${forward} to ` +
    after.forward;
}

function moved(before: PlacedService, after: PlacedService): string[] {
  const served = (family: Family) =>
    [before, after].every((one) => familiesOf(one).includes(family));
  const families = FAMILIES.filter(served);
  return families.flatMap((family) => {
    const percent = 100 * movedShare(slotsOf(before, family), slotsOf(after, family));
    if (percent === 0) return [];
    const about = percent < 1 ? "less than 1 %" : `about ${Math.round(percent)} %`;
    const version = families.length > 1 ? `IPv${family} ` : "";
    return [
      `${about} of the established ${version}connections of ${after.name} move: dr keeps no table ` +
      "of them",
    ];
  });
}
