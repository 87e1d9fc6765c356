/** Drains with real connections: who ends whole, who is cut and when, and what is left of it. */
import { byPasses, byWaiting, cutAtDeadline } from "./drain_acts.ts";
import { kernelTests } from "./harness.ts";

const test = kernelTests({ backends: 2, need: "queue" });

const WHAT = "what is left at the deadline is cut, what ends before ends whole, and others go on";

for (const engine of ["nft", "nfqueue"]) {
  test(`${WHAT}: ${engine}, IPv4, between passes`, (lab) =>
    cutAtDeadline(lab, engine, 4, byPasses));
}

test(`${WHAT}: nft, IPv6, followed`, (lab) => cutAtDeadline(lab, "nft", 6, byWaiting));
