import { type LinkAddress, listAddresses } from "../../netlink/route/address.ts";
import { type Link, LINK_TYPE_ETHER, listLinks } from "../../netlink/route/link.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import type { Interface } from "../interface.ts";

/** The network namespace's interfaces with their addresses, by index. @throws {KernelError} */
export function observeInterfaces(sockets: SocketsPort): Interface[] {
  const addresses = Map.groupBy(listAddresses(sockets), ({ ifindex }) => ifindex);
  return listLinks(sockets).map((link) => toInterface(link, addresses.get(link.index) ?? []));
}

function toInterface(link: Link, addresses: readonly LinkAddress[]): Interface {
  const isEthernet = link.type === LINK_TYPE_ETHER && link.mac?.length === 6;
  return {
    name: link.name,
    index: link.index,
    up: link.isUp,
    loopback: link.isLoopback,
    ...(isEthernet && { mac: link.mac }),
    ...(link.master !== undefined && { enslaved: true }),
    ...(link.kind === "dummy" && { dummy: true }),
    addresses: addresses.map(({ address, prefix_length: length }) => ({ ...address, length })),
  };
}
