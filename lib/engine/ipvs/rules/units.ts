import { RULES_WAYS, type RulesWay } from "../../../model/rules_way.ts";
import type { DesiredState } from "../../../model/state.ts";
import { nftUnits } from "./nft.ts";
import { ipvsRules } from "./rule.ts";
import type { Units } from "./unit.ts";
import { xtUnits } from "./xtables.ts";

const UNITS_BY: Readonly<Record<RulesWay["program"], typeof nftUnits>> = {
  "nft": nftUnits,
  "iptables-legacy": xtUnits,
};

/** Capabilities that decide which program it is. */
export const RULES_VARIANTS: readonly string[] = RULES_WAYS.flatMap(({ needs }) => needs);

/** The rules that go with these services, as this kernel can have them; none where it can have none. Pure. */
export function desiredUnits(state: DesiredState): Units {
  const way = RULES_WAYS.find(({ needs }) => !needs.some((id) => state.lacks.includes(id)));
  return new Map(way ? UNITS_BY[way.program](ipvsRules(state)) : []);
}
