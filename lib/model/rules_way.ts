/** A program that can hold rules of the packet filter, and the capabilities it takes. */
export interface RulesWay {
  readonly program: "nft" | "iptables-legacy";
  readonly needs: readonly string[];
}

/** For the rules that go with IPVS. The first that a machine can go is gone. */
export const RULES_WAYS: readonly RulesWay[] = [
  { program: "nft", needs: ["nft-program", "nft-notrack", "nft-interval", "nft-masquerade"] },
  { program: "iptables-legacy", needs: ["xt-legacy"] },
];

/** For the rule that hands first packets to the queue worker. */
export const QUEUE_WAYS: readonly RulesWay[] = [
  { program: "nft", needs: ["nft-program", "nft-queue"] },
  { program: "iptables-legacy", needs: ["xt-queue"] },
];
