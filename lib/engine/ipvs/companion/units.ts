import type { DesiredState } from "../../../model/state.ts";
import { nftUnits } from "./nft.ts";
import { companionRules } from "./rule.ts";
import type { Units } from "./unit.ts";
import { xtUnits } from "./xtables.ts";

/** The capabilities by which nft's tables hold the rules. */
const BY_NFT = ["nft-program", "nft-notrack", "nft-masquerade"];

/** The same for iptables', where there is no such nft. */
const BY_XTABLES = "xt-legacy";

/** Capabilities that decide which program it is. */
export const RULES_VARIANTS: readonly string[] = [...BY_NFT, BY_XTABLES];

/** The rules that go with these services, as this kernel can have them; none where it can have none. Pure. */
export function desiredUnits(state: DesiredState): Units {
  if (!BY_NFT.some((id) => state.lacks.includes(id))) {
    return new Map(nftUnits(companionRules(state)));
  }
  if (!state.lacks.includes(BY_XTABLES)) return new Map(xtUnits(companionRules(state)));
  return new Map();
}
