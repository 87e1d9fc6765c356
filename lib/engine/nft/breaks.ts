import type { DesiredState } from "../../model/state.ts";
import type { Breaks } from "../engine.ts";
import { INGRESS_TABLE, tableNames } from "./table.ts";

/**
 * What is translated goes on by conntrack, whatever the maps say by then: as long as there are nat chains at all
 * (nf_nat_unregister_fn(), net/netfilter/nf_nat_core.c), and its packets do not begin to go past them. Pure.
 */
export function breaks(want: DesiredState, have: DesiredState): Breaks {
  const isTranslating = tableNames(want).some((name) => name !== INGRESS_TABLE);
  if (!isTranslating) return () => true;
  const direct = new Set(
    want.services.filter(({ forward }) => forward === "dr").map(({ name }) => name),
  );
  const gone = new Set(
    have.services.filter(({ name, forward }) => forward !== "dr" && direct.has(name))
      .flatMap(({ backends }) => backends.map(({ id }) => id)),
  );
  return ({ id }) => gone.has(id);
}
