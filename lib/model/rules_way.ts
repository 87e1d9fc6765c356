/** A program that can hold the rules of the packet filter that go with IPVS, and the capabilities it takes. */
export interface RulesWay {
  readonly program: "nft" | "iptables-legacy";
  readonly needs: readonly string[];
}

/** The first that a machine can go is gone. */
export const RULES_WAYS: readonly RulesWay[] = [
  { program: "nft", needs: ["nft-program", "nft-notrack", "nft-interval", "nft-masquerade"] },
  { program: "iptables-legacy", needs: ["xt-legacy"] },
];
