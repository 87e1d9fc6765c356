/** Health where IPVS balances: a weight of 0 is all that the kernel is told. */
import { kernelTests } from "./harness.ts";
import { stopsAndReturns } from "./health_rig.ts";

const test = kernelTests({ backends: 3, need: "ipvs" });

test(
  "a backend that stops listening gets no new connection after fall passes, and some after rise, on ipvs",
  (lab) => stopsAndReturns(lab, "ipvs"),
);
