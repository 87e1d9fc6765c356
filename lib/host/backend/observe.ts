import type { Prefix } from "../../model/address.ts";
import { routesTo } from "../../netlink/route/route.ts";
import type { Kernel } from "../../sys/ports.ts";
import { observeInterfaces } from "../address/observe.ts";
import { pathOf } from "../sysctl/key.ts";
import type { BackendMachine } from "./check.ts";

/** Reads what {@linkcode checkBackend} looks at. @throws {KernelError} where the kernel cannot be asked */
export function observeBackend(
  { sockets, files }: Pick<Kernel, "sockets" | "files">,
  vips: readonly Prefix[],
): BackendMachine {
  const routes = routesTo(sockets, vips);
  const local = new Set(vips.filter((_, at) => routes[at]?.isLocal));
  return {
    interfaces: observeInterfaces(sockets),
    isLocal: (vip) => local.has(vip),
    sysctl: (key) => files.read(pathOf(key))?.trim(),
  };
}
