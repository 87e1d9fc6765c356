import { serviceKeyText } from "../../netlink/ipvs/service.ts";
import type { PlacedService } from "../../model/state.ts";
import type { Ask } from "../why.ts";
import { ANY_PORT } from "./desired.ts";
import type { Snapshot } from "./snapshot.ts";

/** The virtual service that packets of a service for a VIP and port come to, by its name; undefined where none is there. */
export function virtualKey(
  { virtuals }: Pick<Snapshot, "virtuals">,
  { name }: PlacedService,
  { protocol, vip, vip_port }: Pick<Ask, "protocol" | "vip" | "vip_port">,
  marks: ReadonlyMap<string, number>,
): string | undefined {
  const fwmark = marks.get(name);
  const keys = fwmark === undefined
    ? [vip_port, ANY_PORT].map((port) => serviceKeyText({ protocol, address: vip, port }))
    : [serviceKeyText({ family: vip.family, fwmark })];
  return keys.find((key) => virtuals.has(key));
}
