import { type LinkAddress, listAddresses } from "../../netlink/route/address.ts";
import { type Link, LINK_TYPE_ETHER, listLinks } from "../../netlink/route/link.ts";
import { localPrefixes } from "../../netlink/route/local.ts";
import type { SocketsPort } from "../../sys/ports.ts";
import type { Prefix } from "../../model/address.ts";
import type { Interface } from "../interface.ts";

/** The network namespace's interfaces with their addresses, by index. @throws {KernelError} */
export function observeInterfaces(sockets: SocketsPort): Interface[] {
  const addresses = Map.groupBy(listAddresses(sockets), ({ ifindex }) => ifindex);
  return listLinks(sockets).map((link) => toInterface(link, addresses.get(link.index) ?? []));
}

/** The same, with those of the prefixes that are this machine's own. @throws {KernelError} */
export function withLocalPrefixes(
  sockets: SocketsPort,
  interfaces: readonly Interface[],
  prefixes: readonly Prefix[],
): readonly Interface[] {
  if (prefixes.length === 0) return interfaces;
  const local_prefixes = localPrefixes(sockets, prefixes);
  return interfaces.map((link) => link.loopback ? { ...link, local_prefixes } : link);
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
