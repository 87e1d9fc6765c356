/** Test equipment: links and addresses in memory, behind NETLINK_ROUTE (linux/rtnetlink.h). */
import { addressBytes, addressFromBytes, parseAddress } from "../../lib/model/address.ts";
import type { RawSocket } from "../../lib/sys/ports.ts";
import {
  type Answer,
  type Asked,
  attribute,
  attributesOf,
  FakeSocket,
  joined,
  type Message,
  u32,
  viewOf,
} from "./wire.ts";

export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
const RTM_NEWLINK = 16;

const EPERM = 1;
const EEXIST = 17;
const EADDRNOTAVAIL = 99;
const ENODEV = 19;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

/** `lo` is the loopback link; all are up. */
export class FakeNetwork {
  /** Names of the links; the first has index 1. */
  readonly links: string[];
  /** As `ip -o addr` has them: `eth0 192.0.2.1/24`. */
  readonly addresses: Set<string>;
  /** Changes are refused with this errno; 0: they are not. */
  refusal = 0;
  /** Addresses that are refused by policy (EPERM). */
  readonly refusals = new Set<string>();

  constructor(links: readonly string[], addresses: readonly string[]) {
    this.links = [...links];
    this.addresses = new Set(addresses);
  }

  socket(): RawSocket {
    return new FakeSocket((asked) => this.#answer(asked));
  }

  #answer({ type, body }: Asked): Answer {
    if (type === RTM_GETLINK) return this.links.map(linkMessage);
    if (type === RTM_GETADDR) return [...this.addresses].map((text) => this.#addressMessage(text));
    if (type === RTM_NEWADDR) return this.#change(body, (text) => this.#add(text));
    if (type === RTM_DELADDR) return this.#change(body, (text) => this.#remove(text));
    throw new SyntaxError(`the fake kernel does not know route message type ${type}`);
  }

  #change(body: Uint8Array, act: (text: string) => number): number {
    const name = this.links[viewOf(body).getUint32(4, true) - 1];
    const local = attributesOf(body.slice(8)).get(2);
    if (!name || !local) return -ENODEV;
    if (this.refusal !== 0) return -this.refusal;
    const { text } = addressFromBytes(local);
    if (this.refusals.has(text)) return -EPERM;
    return -act(`${name} ${text}/${body[1]}`);
  }

  #add(text: string): number {
    if (this.addresses.has(text)) return EEXIST;
    this.addresses.add(text);
    return 0;
  }

  #remove(text: string): number {
    return this.addresses.delete(text) ? 0 : EADDRNOTAVAIL;
  }

  /** struct ifaddrmsg, IFA_ADDRESS and, for IPv4, IFA_LOCAL. */
  #addressMessage(text: string): Message {
    const [, name = "", host = "", length = ""] = /^(\S+) (\S+)\/(\d+)$/.exec(text) ?? [];
    const address = parseAddress(host)!;
    const header = Uint8Array.of(address.family === 4 ? 2 : 10, Number(length), 0, 0);
    const bytes = addressBytes(address);
    const local = address.family === 4 ? attribute(2, bytes) : new Uint8Array();
    const index = u32(this.links.indexOf(name) + 1);
    return { type: RTM_NEWADDR, body: joined(header, index, attribute(1, bytes), local) };
  }
}

/** struct ifinfomsg, IFLA_IFNAME and IFLA_ADDRESS. */
function linkMessage(name: string, at: number): Message {
  const isLoopback = name === "lo";
  const header = new Uint8Array(16);
  const view = viewOf(header);
  view.setUint16(2, isLoopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER, true);
  view.setInt32(4, at + 1, true);
  view.setUint32(8, IFF_UP | (isLoopback ? IFF_LOOPBACK : 0), true);
  const mac = Uint8Array.of(2, 0, 0, 0, 0, at + 1);
  const text = new TextEncoder().encode(`${name}\0`);
  return { type: RTM_NEWLINK, body: joined(header, attribute(3, text), attribute(1, mac)) };
}
