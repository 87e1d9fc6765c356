/** Drains where IPVS keeps the connections. */
import { FAMILIES } from "../../lib/model/address.ts";
import { cutAtDeadline } from "./drain_acts.ts";
import { kernelTests } from "./harness.ts";

const test = kernelTests({ backends: 2, need: "ipvs" });

for (const family of FAMILIES) {
  test(`what is left at the deadline is cut, what ends before ends whole, and others go on: ipvs, IPv${family}`, (lab) =>
    cutAtDeadline(lab, "ipvs", family));
}
