/**
 * Weights that follow connections, times of checks and loads, with a backend that takes three times as long: what
 * "load balancing with nftables" (Netdev 2.2) calls weighted least connections, least response, least CPU load.
 */
import { kernelTests } from "./harness.ts";
import { slowedToAThird } from "./load_rig.ts";

const TALK = "nftables talk: weighted least connections, least response, least CPU load";

const WHAT = "who is three times as slow gets about a third within ten passes, and keeps it";

kernelTests({ backends: 3 })(
  `${TALK}: wlc, lr and cpu on nft: ${WHAT}`,
  (lab) => slowedToAThird(lab, { engine: "nft", schedulers: ["wlc", "lr", "cpu"] }),
);

kernelTests({ backends: 3, need: "queue" })(
  `lr and cpu on nfqueue, IPv6: ${WHAT}`,
  (lab) => slowedToAThird(lab, { engine: "nfqueue", family: 6, schedulers: ["lr", "cpu"] }),
);

kernelTests({ backends: 3, need: "ipvs" })(
  `lr on ipvs: ${WHAT}`,
  // What runs this test may be an emulated machine.
  (lab) => slowedToAThird(lab, { engine: "ipvs", schedulers: ["lr"], per_second: 60 }),
);
