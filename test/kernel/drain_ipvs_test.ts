/** Drains where IPVS keeps the connections. */
import { FAMILIES } from "../../lib/model/address.ts";
import { byPasses, byWaiting, cutAtDeadline } from "./drain_acts.ts";
import { kernelTests } from "./harness.ts";

const test = kernelTests({ backends: 2, need: "both" });

const WHAT = "what is left at the deadline is cut, what ends before ends whole, and others go on";

for (const family of FAMILIES) {
  test(`${WHAT}: ipvs, IPv${family}, followed`, (lab) =>
    cutAtDeadline(lab, "ipvs", family, byWaiting));
}

test(`${WHAT}: ipvs, IPv4, between passes`, (lab) => cutAtDeadline(lab, "ipvs", 4, byPasses));
