import type { Interface } from "../interface.ts";
import type { HostResource } from "../resource.ts";
import { applyAddresses } from "./apply.ts";
import { observeInterfaces, withLocalPrefixes } from "./observe.ts";
import { placedPrefixes, type VipService } from "./placement.ts";
import { type AddressStep, planAddresses } from "./plan.ts";

/** VIPs on interfaces, as a host resource. */
export const addressResource: HostResource<
  readonly VipService[],
  readonly Interface[],
  AddressStep
> = {
  name: "address",
  observe: ({ sockets }, open) =>
    withLocalPrefixes(sockets, observeInterfaces(sockets), placedPrefixes(open)),
  plan: planAddresses,
  apply: applyAddresses,
};
