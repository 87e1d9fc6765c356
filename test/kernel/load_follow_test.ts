/** Weights that follow connections, times of checks and loads, with a backend that takes three times as long. */
import { kernelTests } from "./harness.ts";
import { slowedToAThird } from "./load_rig.ts";

const WHAT = "who is three times as slow gets about a third within ten passes, and keeps it";

kernelTests({ backends: 3 })(
  `wlc, lr and cpu on nft: ${WHAT}`,
  (lab) => slowedToAThird(lab, { engine: "nft", schedulers: ["wlc", "lr", "cpu"] }),
);

kernelTests({ backends: 3, need: "queue" })(
  `lr and cpu on nfqueue, IPv6: ${WHAT}`,
  (lab) => slowedToAThird(lab, { engine: "nfqueue", family: 6, schedulers: ["lr", "cpu"] }),
);

kernelTests({ backends: 3, need: "ipvs" })(
  `lr and cpu on ipvs: ${WHAT}`,
  (lab) => slowedToAThird(lab, { engine: "ipvs", schedulers: ["lr", "cpu"] }),
);
