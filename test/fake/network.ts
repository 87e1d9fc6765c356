/** Test equipment: links and addresses in memory, behind NETLINK_ROUTE (linux/rtnetlink.h). */
import {
  type Address,
  addressBytes,
  addressFromBytes,
  contains,
  networkOf,
  parseAddress,
  parsePrefix,
} from "../../lib/model/address.ts";
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
export const RTM_NEWNEIGH = 28;
export const RTM_GETNEIGH = 30;
export const RTM_GETROUTE = 26;
const RTM_NEWLINK = 16;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_F_FIB_MATCH = 0x2000;

const EPERM = 1;
const EEXIST = 17;
const ESRCH = 3;
const EADDRNOTAVAIL = 99;
const ENODEV = 19;
const ENETUNREACH = 101;
const NUD_INCOMPLETE = 1;
const NUD_REACHABLE = 2;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

/** `lo` is the loopback link; all are up. */
export class FakeNetwork {
  /** Names of the links; the first has index 1; "" for one that has gone. */
  readonly links: string[];
  /** As `ip -o addr` has them: `eth0 192.0.2.1/24`. */
  readonly addresses: Set<string>;
  /** Prefixes that a route makes local: `lo 203.0.113.0/24`. */
  readonly local_routes = new Set<string>();
  /** Machines in the networks of our links: they answer when asked for their link addresses. */
  readonly others = new Set<string>();
  /** Who knows the way to what is on no link of ours. */
  router?: string;
  /** Neighbours that were asked for, as `INDEX ADDRESS`. */
  readonly asked = new Set<string>();
  /** Changes are refused with this errno; 0: they are not. */
  refusal = 0;
  /** Addresses that are refused by policy (EPERM). */
  readonly refusals = new Set<string>();

  constructor(links: readonly string[], addresses: readonly string[]) {
    this.links = [...links];
    this.addresses = new Set(addresses);
  }

  /** As the kernel does it: index and addresses stay. */
  renameLink(before: string, now: string): void {
    this.links[this.links.indexOf(before)] = now;
    const moved = [...this.addresses].map((text) => text.replace(`${before} `, `${now} `));
    this.addresses.clear();
    for (const text of moved) this.addresses.add(text);
  }

  socket(): RawSocket {
    return new FakeSocket((asked) => this.#answer(asked));
  }

  #answer({ type, body }: Asked): Answer {
    if (type === RTM_GETLINK) {
      return this.links.flatMap((name, at) => name === "" ? [] : [linkMessage(name, at)]);
    }
    if (type === RTM_GETADDR) return [...this.addresses].map((text) => this.#addressMessage(text));
    if (type === RTM_NEWADDR) return this.#change(body, (text) => this.#add(text));
    if (type === RTM_DELADDR) return this.#change(body, (text) => this.#remove(text));
    if (type === RTM_GETROUTE) return this.#lookUp(body);
    if (type === RTM_NEWROUTE || type === RTM_DELROUTE) return this.#changeRoute(type, body);
    if (type === RTM_NEWNEIGH) return this.#ask(viewOf(body).getUint32(4, true), addressIn(body));
    if (type === RTM_GETNEIGH) return this.#neighbours(body[0]!);
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

  #lookUp(body: Uint8Array): Answer {
    const address = addressIn(body);
    const isEntry = (viewOf(body).getUint32(8, true) & RTM_F_FIB_MATCH) !== 0;
    const entry = isEntry &&
      [...this.local_routes].find((text) => contains(parsePrefix(text.split(" ")[1]!)!, address));
    if (!entry) return this.#route(address);
    const header = Uint8Array.of(body[0]!, Number(entry.split("/")[1]), 0, 0, 255, 4, 254, 2);
    return [{ type: RTM_NEWROUTE, body: joined(header, u32(0)) }];
  }

  #changeRoute(type: number, body: Uint8Array): number {
    const name = this.links[viewOf(attributesOf(body.slice(12)).get(4)!).getUint32(0, true) - 1];
    if (!name) return -ENODEV;
    const text = `${name} ${addressIn(body).text}/${body[1]}`;
    if (type === RTM_DELROUTE) return this.local_routes.delete(text) ? 0 : -ESRCH;
    if (this.local_routes.has(text)) return -EEXIST;
    this.local_routes.add(text);
    return 0;
  }

  /** struct rtmsg, RTA_OIF and, where it is not on a link, RTA_GATEWAY. */
  #route(address: Address): Answer {
    const direct = this.#linkOf(address);
    const router = this.router === undefined ? undefined : parseAddress(this.router);
    const link = direct ?? (router && this.#linkOf(router));
    if (link === undefined) return -ENETUNREACH;
    const header = Uint8Array.of(address.family === 4 ? 2 : 10, 0, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0);
    const gateway = direct || !router ? new Uint8Array() : attribute(5, addressBytes(router));
    const index = this.links.indexOf(link) + 1;
    return [{ type: RTM_NEWROUTE, body: joined(header, attribute(4, u32(index)), gateway) }];
  }

  #linkOf(address: Address): string | undefined {
    return [...this.addresses].map((text) => /^(\S+) (\S+)\/(\d+)$/.exec(text)!)
      .find(([, , host = "", length]) =>
        contains(networkOf(parseAddress(host)!, Number(length)), address)
      )?.[1];
  }

  #ask(index: number, { text }: Address): Answer {
    if (index > this.links.length) return -ENODEV;
    this.asked.add(`${index} ${text}`);
    return [];
  }

  /** struct ndmsg, NDA_DST and, of those that answer, NDA_LLADDR. */
  #neighbours(family: number): Message[] {
    return [...this.asked].map((entry) => entry.split(" ")).flatMap(([index, text = ""]) => {
      const bytes = addressBytes(parseAddress(text)!);
      if ((bytes.length === 4 ? 2 : 10) !== family) return [];
      const answers = this.others.has(text);
      const state = answers ? NUD_REACHABLE : NUD_INCOMPLETE;
      const header = joined(Uint8Array.of(family, 0, 0, 0), u32(Number(index)), u32(state));
      const mac = Uint8Array.of(2, 0, 0, 0, 1, bytes.at(-1)!);
      const lladdr = answers ? attribute(2, mac) : new Uint8Array();
      return [{ type: RTM_NEWNEIGH, body: joined(header, attribute(1, bytes), lladdr) }];
    });
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

/** RTA_DST or NDA_DST: the first attribute behind 12 bytes of header. */
function addressIn(body: Uint8Array): Address {
  return addressFromBytes(attributesOf(body.slice(12)).get(1)!);
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
