/**
 * Test equipment: sends packets through the ruleset that the fake nft holds, as kube-proxy's tracer does. So
 * tests say what becomes of a packet, and not how rules are spelled.
 */
import { type Address, formatEndpoint, parseAddress } from "../../../../lib/model/address.ts";
import { parseHook } from "../../../fake/nft_script.ts";
import type { FakeRule, FakeTable } from "../../../fake/nft_table.ts";
import { runRule, type Verdict } from "./trace_rule.ts";
import type { Flow, Numbers } from "./trace_selector.ts";

/** A packet. Endpoints are `ADDRESS:PORT` or `[V6]:PORT`. */
export interface Packet {
  readonly from: string;
  readonly to: string;
  /** @default "tcp" */
  readonly protocol?: string;
  /** @default "new" */
  readonly state?: Flow["state"];
  /** Sent by the load balancer itself. */
  readonly local?: boolean;
  /** Connection mark that somebody else has set. */
  readonly ct_mark?: number;
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
  readonly priority: string;
}

const REFUSALS = { drop: "dropped", reset: "reset", unreachable: "unreachable" } as const;

/** Deep enough for anything the kernel allows (NFT_JUMP_STACK_SIZE). */
const JUMPS_MAX = 16;

export class Tracer {
  readonly #table: () => FakeTable | undefined;
  readonly #random: () => number;
  /** Last number of each rule's `numgen inc`: it lives as long as the rule. */
  readonly #counts = new Map<string, number>();

  /**
   * @param table asked for each packet, so that the ruleset may change between two
   * @param seed of `numgen random`
   */
  constructor(table: () => FakeTable | undefined, seed = 1) {
    this.#table = table;
    this.#random = mulberry32(seed);
  }

  send(packet: Packet): Fate {
    const flow = flowOf(packet);
    const path = (hook: string) => this.#hook(hook, flow);
    const refused = path(packet.local ? "output" : "prerouting") ?? this.#route(packet, flow, path);
    return {
      to: refused ??
        (flow.dnat ? formatEndpoint(addressOf(flow.daddr), flow.dport) : "untouched"),
      masqueraded: flow.masqueraded,
      ct_mark: flow.ct_mark,
      counters: flow.counters,
      priority: flow.priority,
    };
  }

  #route(packet: Packet, flow: Flow, path: (hook: string) => string | undefined) {
    if (!flow.dnat && packet.vip_is_local) return path("input");
    return (packet.local ? undefined : path("forward")) ?? path("postrouting");
  }

  /** @returns how the packet was refused, undefined where it goes on */
  #hook(name: string, flow: Flow): string | undefined {
    for (const { chain, type, policy } of this.#baseChains(name)) {
      // Only the first packet of a connection meets nat chains; conntrack translates the others.
      if (type === "nat" && flow.state !== "new") continue;
      const verdict = this.#chain(chain, flow, 0) ?? { kind: policy };
      if (verdict.kind in REFUSALS) return REFUSALS[verdict.kind as keyof typeof REFUSALS];
    }
    return undefined;
  }

  #baseChains(name: string) {
    const chains = [...this.#table()?.chains ?? []]
      .flatMap(([chain, { hook }]) => hook ? [{ chain, ...parseHook(hook) }] : [])
      .filter(({ hook }) => hook === name)
      .sort((a, b) => a.priority - b.priority);
    return chains.map((chain) => ({ ...chain, policy: chain.policy as "accept" | "drop" }));
  }

  /** @returns undefined where the end of the chain was reached: the caller's next rule is asked */
  #chain(name: string, flow: Flow, depth: number): Verdict | undefined {
    const table = this.#table();
    const chain = table?.chains.get(name);
    if (!table || !chain) throw new SyntaxError(`chain ${name} is not there`);
    if (depth > JUMPS_MAX) throw new SyntaxError(`chain ${name} is jumped to too deep`);
    for (const rule of chain.rules) {
      const verdict = runRule(rule.tokens, table, flow, this.#numbers(table, rule));
      if (!verdict) continue;
      if (verdict.kind === "return") return undefined;
      if (verdict.kind === "goto") return this.#chain(verdict.chain, flow, depth + 1);
      const end = verdict.kind === "jump" ? this.#chain(verdict.chain, flow, depth + 1) : verdict;
      if (end) return end;
    }
    return undefined;
  }

  #numbers(table: FakeTable, rule: FakeRule): Numbers {
    const key = `${table.handle} ${rule.handle}`;
    return {
      inc: (modulus) => {
        const value = ((this.#counts.get(key) ?? -1) + 1) % modulus;
        this.#counts.set(key, value);
        return value;
      },
      random: (modulus) => Math.floor(this.#random() * modulus),
    };
  }
}

function flowOf(packet: Packet): Flow {
  const { from, to, protocol = "tcp", state = "new", ct_mark = 0 } = packet;
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
    priority: "none",
    ct_mark,
    dnat: false,
    by_lo: packet.local === true && packet.vip_is_local === true,
    masqueraded: false,
    counters: [],
  };
}

function endpointOf(text: string): { address: Address; port: number } {
  const [, v6, v4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d+)$/.exec(text) ?? [];
  return { address: addressOf(v6 ?? v4 ?? ""), port: Number(port) };
}

function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new TypeError(`${text} is not an address`);
  return address;
}

/** Tommy Ettinger's mulberry32: small, good enough, and the same every time. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
