import { type Address, networkOf, type Prefix } from "../model/address.ts";

/** An address on an interface, with the length of its subnet in bits. */
export interface InterfaceAddress extends Address {
  readonly length: number;
}

/** A network interface, as far as host resources look at it. */
export interface Interface {
  readonly name: string;
  readonly index: number;
  readonly up: boolean;
  readonly loopback: boolean;
  /** 6 bytes; undefined where the link has no ethernet address. */
  readonly mac?: Uint8Array;
  /** What comes in here goes to a bridge, bond or the like, which is an interface of its own. */
  readonly enslaved?: boolean;
  /** Nothing ever comes in at it from outside, whatever addresses it has. */
  readonly dummy?: boolean;
  readonly addresses: readonly InterfaceAddress[];
  /** Of the prefixes that were asked about, those that a route makes this machine's own. Of `lo` only. */
  readonly local_prefixes?: readonly Prefix[];
}

/** The subnet an interface's address is in. */
export function subnetOf(address: InterfaceAddress): Prefix {
  return networkOf(address, address.length);
}

/** Every address there is, with the interfaces that have it, in whatever subnet. */
export function holdersOf(interfaces: readonly Interface[]): ReadonlyMap<string, Set<Interface>> {
  const holders = new Map<string, Set<Interface>>();
  for (const link of interfaces) {
    for (const { text } of link.addresses) {
      const known = holders.get(text);
      if (known) known.add(link);
      else holders.set(text, new Set([link]));
    }
  }
  return holders;
}
