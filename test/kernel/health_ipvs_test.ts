/** Health where IPVS balances: a weight of 0 is all that the kernel is told. */
import { kernelTests } from "./harness.ts";
import { diesUnderLoad, stopsAndReturns } from "./health_rig.ts";

const test = kernelTests({ backends: 3, need: "ipvs" });

test(
  "a backend that stops listening gets no new connection after fall passes, and some after rise, on ipvs",
  (lab) => stopsAndReturns(lab, "ipvs"),
);

test(
  "passes every second: a dead backend is out after fall seconds and one, connections to the others go on, on ipvs",
  (lab) => diesUnderLoad(lab, "ipvs"),
);
