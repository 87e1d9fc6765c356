import { isShortOfRoom, roomTrouble } from "../capability/conntrack_fill.ts";
import { isShortOfPorts, portTrouble, portUses } from "./source_ports.ts";
import type { Status } from "./status.ts";

/** What connections are about to run short of, a sentence for each with what can be done. Pure. */
export function shortages(
  { conntrack, services }: Pick<Status, "conntrack" | "services">,
): string[] {
  return [
    ...conntrack && isShortOfRoom(conntrack) ? [roomTrouble(conntrack)] : [],
    ...portUses(services).filter(isShortOfPorts).map(portTrouble),
  ];
}
