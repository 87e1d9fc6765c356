/** Drains with real connections: who ends whole, who is cut and when, and what is left of it. */
import { FAMILIES } from "../../lib/model/address.ts";
import { kernelTests } from "./harness.ts";
import { cutAtDeadline } from "./drain_acts.ts";

const test = kernelTests({ backends: 2, need: "queue" });

for (const engine of ["nft", "nfqueue"]) {
  for (const family of FAMILIES) {
    test(`what is left at the deadline is cut, what ends before ends whole, and others go on: ${engine}, IPv${family}`, (lab) =>
      cutAtDeadline(lab, engine, family));
  }
}
