import type { OverLimit, Scheduler } from "../../../model/service.ts";
import type { Fate } from "../../why.ts";

/** Why a choice without a hash cannot be told. */
export function turnReason(scheduler: Scheduler): string {
  switch (scheduler) {
    case "random":
      return "random: each connection is drawn for by itself";
    case "lc":
    case "wlc":
      return `${scheduler}: takes turns by weights that follow the connections`;
    case "lr":
    case "cpu":
      return `${scheduler}: takes turns by weights that follow what is measured of backends`;
    default:
      return `${scheduler}: whose turn it is depends on the connections that come before`;
  }
}

/** What becomes of a connection over a limit. */
export function overLimitFate(over_limit: OverLimit): Extract<Fate, "refused" | "dropped"> {
  return over_limit === "drop" ? "dropped" : "refused";
}
