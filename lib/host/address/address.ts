import type { Interface } from "../interface.ts";
import type { HostResource } from "../resource.ts";
import { applyAddresses } from "./apply.ts";
import { observeInterfaces } from "./observe.ts";
import type { VipService } from "./placement.ts";
import { type AddressStep, planAddresses } from "./plan.ts";

/** VIPs on interfaces, as a host resource. */
export const addressResource: HostResource<
  readonly VipService[],
  readonly Interface[],
  AddressStep
> = {
  name: "address",
  observe: (kernel) => observeInterfaces(kernel.sockets),
  plan: planAddresses,
  apply: applyAddresses,
};
