import type { DesiredState } from "../../model/state.ts";
import type { Breaks } from "../engine.ts";
import { serviceMarks } from "./by_mark.ts";
import { desiredSnapshot } from "./desired.ts";
import { virtualKey } from "./virtual_key.ts";

/**
 * With a virtual service go its connections; a backend that is removed keeps its own. Masquerade gives those that are
 * established another address. Pure.
 */
export function breaks(want: DesiredState, have: DesiredState): Breaks {
  const marks = serviceMarks(have);
  const [had, wanted] = [have, want].map(desiredSnapshot);
  const after = new Map(want.services.map((service) => [service.name, service]));
  const byId = new Map(
    have.services.flatMap((service) => service.backends.map(({ id }) => [id, service] as const)),
  );
  return (flow) => {
    const before = byId.get(flow.id);
    const key = before && virtualKey(had!, before, flow, marks);
    if (!before || key === undefined || !wanted!.virtuals.has(key)) return true;
    return after.get(before.name)?.masquerade !== before.masquerade;
  };
}
