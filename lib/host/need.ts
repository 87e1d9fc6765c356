import type { Family } from "../model/address.ts";
import type { EngineName, Forwarding } from "../model/service.ts";

/** What the services of a config ask of the host, taken together. */
export interface Need {
  readonly engines: readonly EngineName[];
  readonly families: readonly Family[];
  /** The ways by which services on IPVS forward. */
  readonly ipvs: readonly Forwarding[];
  /** Conntrack has to see what IPVS balances: it masquerades, or somebody's rules look at states. */
  readonly ipvs_conntrack: boolean;
  /** Some service on IPVS remembers its clients. */
  readonly ipvs_persistence: boolean;
  /** Other load balancers behind the same router may take connections over. */
  readonly isTier: boolean;
  /** The queue worker chooses by the connections there are, of which conntrack tells it. */
  readonly isCounted: boolean;
  /** Services whose VIPs have to be this machine's own. */
  readonly local: readonly string[];
  /** `uname -r`. */
  readonly kernel: string;
}

/** No service at all: everything goes back to what it was. */
export const NO_NEED: Need = {
  engines: [],
  families: [],
  ipvs: [],
  ipvs_conntrack: false,
  ipvs_persistence: false,
  isTier: false,
  isCounted: false,
  local: [],
  kernel: "",
};
