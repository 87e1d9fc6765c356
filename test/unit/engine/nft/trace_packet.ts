/** Test equipment: a packet as tests write it, and what the tracer says of it afterwards. */
import { type Address, parseAddress } from "../../../../lib/model/address.ts";
import type { Flow } from "./trace_selector.ts";

/** A packet. Endpoints are `ADDRESS:PORT` or `[V6]:PORT`. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  /** @default "tcp" */
  readonly protocol?: string;
  /** @default "new" */
  readonly state?: Flow["state"];
  /** Goes back to the client: its connection began the other way. */
  readonly reply?: boolean;
  /** Sent by the load balancer itself. */
  readonly local?: boolean;
  /** Connection mark that somebody else has set, or that an earlier packet was given. */
  readonly ct_mark?: number;
  /** Packet mark that somebody else has set. */
  readonly mark?: number;
  /** Whether an undisturbed packet is for this machine: the VIP is placed here. */
  readonly vip_is_local?: boolean;
}

/** What became of it. */
export interface Fate {
  /** `ADDRESS:PORT` of the backend; `reset`, `unreachable`, `dropped`; `untouched` where no rule cared. */
  readonly to: string;
  readonly masqueraded: boolean;
  readonly ct_mark: number;
  readonly counters: readonly string[];
  readonly mark: number;
  readonly dscp: number;
  readonly priority: string;
}

export function flowOf(packet: Packet): Flow {
  const { from, to, protocol = "tcp", state = "new", ct_mark = 0, mark = 0 } = packet;
  const source = endpointOf(from);
  const destination = endpointOf(to);
  return {
    family: source.address.family,
    l4proto: protocol,
    saddr: source.address.text,
    sport: source.port,
    daddr: destination.address.text,
    dport: destination.port,
    state,
    direction: packet.reply ? "reply" : "original",
    priority: "none",
    mark,
    dscp: 0,
    ct_mark,
    dnat: false,
    by_lo: packet.local === true && packet.vip_is_local === true,
    masqueraded: false,
    counters: [],
    ended: false,
  };
}

export function fateOf(to: string, flow: Flow): Fate {
  const { masqueraded, ct_mark, counters, mark, dscp, priority } = flow;
  return { to, masqueraded, ct_mark, counters, mark, dscp, priority };
}

/** @throws {TypeError} */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new TypeError(`${text} is not an address`);
  return address;
}

function endpointOf(text: string): { address: Address; port: number } {
  const [, v6, v4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d+)$/.exec(text) ?? [];
  return { address: addressOf(v6 ?? v4 ?? ""), port: Number(port) };
}
