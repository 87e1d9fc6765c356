import type { Service } from "../../../model/service.ts";
import { followsLoad } from "../../../scheduler/load.ts";
import type { DataPath } from "../../engine.ts";
import { type Limit, verdictOf } from "../../limit.ts";
import { needsOfNft, NFT_REQUIRES, SLOT_LIMITS } from "../supports.ts";

const LIMITS: readonly Limit[] = [
  ...SLOT_LIMITS,
  {
    path: ["forward"],
    applies: ({ forward }) => forward === "dr",
    why: "the choice is kept by conntrack, which direct routing does without; nft and IPVS have it",
  },
  {
    path: ["balance", "bound"],
    applies: ({ balance, scheduler }) => balance.bound > 0 && scheduler !== "maglev",
    why: "a bound is what maglev can have; other schedulers give no backend more than its share",
  },
];

/** Whether a service's choices are made by counts of connections at that moment. */
export function isLive({ scheduler, balance }: Pick<Service, "scheduler" | "balance">): boolean {
  return followsLoad(scheduler) || balance.bound > 0;
}

/** One packet of each connection goes through user space; its rules stand in the tables of nft's. */
export const NFQUEUE_PATH: DataPath = {
  name: "nfqueue",
  requires: [...NFT_REQUIRES, "nft-dynset", "queue", "queue-rule"],
  needs: (service) => [...needsOfNft(service), ...isLive(service) ? ["conntrack-netlink"] : []],
  supports: (service) => verdictOf(service, LIMITS),
};
