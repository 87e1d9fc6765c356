/**
 * Test equipment: sends packets through the ruleset that the fake nft holds, as kube-proxy's tracer does. So
 * tests say what becomes of a packet, and not how rules are spelled.
 */
import { formatEndpoint } from "../../../../lib/model/address.ts";
import { parseHook } from "../../../fake/nft_script.ts";
import type { FakeRule, FakeTable } from "../../../fake/nft_table.ts";
import { addressOf, type Fate, fateOf, flowOf, type Packet } from "./trace_packet.ts";
import { runRule, type Verdict } from "./trace_rule.ts";
import type { Flow, RuleMemory } from "./trace_selector.ts";

export type { Fate, Packet } from "./trace_packet.ts";

const REFUSALS = { drop: "dropped", reset: "reset", unreachable: "unreachable" } as const;

/** Deep enough for anything the kernel allows (NFT_JUMP_STACK_SIZE). */
const JUMPS_MAX = 16;

export class Tracer {
  /** Milliseconds; moved by tests. */
  now_ms = 0;
  readonly #table: (family: Flow["family"]) => FakeTable | undefined;
  readonly #ingress: () => FakeTable | undefined;
  readonly #random: () => number;
  /** Last number of each rule's `numgen inc`: it lives as long as the rule. */
  readonly #counts = new Map<string, number>();
  /** Connections that each rule's `ct count` holds: likewise. */
  readonly #held = new Map<string, Set<Flow>>();
  readonly #flows = new WeakMap<Fate, Flow>();

  /**
   * @param table the one for an IP version; asked for each packet, so that it may change between two
   * @param ingress the table that packets meet first
   * @param seed of `numgen random`
   */
  constructor(
    table: (family: Flow["family"]) => FakeTable | undefined,
    ingress: () => FakeTable | undefined = () => undefined,
    seed = 1,
  ) {
    this.#table = table;
    this.#ingress = ingress;
    this.#random = mulberry32(seed);
  }

  send(packet: Packet): Fate {
    const flow = flowOf(packet);
    const path = (hook: string) => this.#hook(hook, this.#table(flow.family), flow);
    const refused = (packet.local ? undefined : this.#hook("ingress", this.#ingress(), flow)) ??
      path(packet.local ? "output" : "prerouting") ?? this.#route(packet, flow, path);
    flow.ended = refused !== undefined;
    const to = refused ??
      (flow.dnat ? formatEndpoint(addressOf(flow.daddr), flow.dport) : "untouched");
    const fate = fateOf(to, flow);
    this.#flows.set(fate, flow);
    return fate;
  }

  /** The connection that this packet began is over. */
  end(fate: Fate): void {
    this.#flows.get(fate)!.ended = true;
  }

  #route(packet: Packet, flow: Flow, path: (hook: string) => string | undefined) {
    if (!flow.dnat && packet.vip_is_local) return path("input");
    return (packet.local ? undefined : path("forward")) ?? path("postrouting");
  }

  /** @returns how the packet was refused or sent on, undefined where it goes on */
  #hook(name: string, table: FakeTable | undefined, flow: Flow): string | undefined {
    if (!table) return undefined;
    for (const { chain, type, policy } of baseChains(name, table)) {
      // Only the first packet of a connection meets nat chains; conntrack translates the others.
      if (type === "nat" && flow.state !== "new") continue;
      const verdict = this.#chain(chain, table, flow, 0) ?? { kind: policy };
      if (verdict.kind === "sent") return verdict.to;
      if (verdict.kind in REFUSALS) return REFUSALS[verdict.kind as keyof typeof REFUSALS];
    }
    return undefined;
  }

  /** @returns undefined where the end of the chain was reached: the caller's next rule is asked */
  #chain(name: string, table: FakeTable, flow: Flow, depth: number): Verdict | undefined {
    const chain = table.chains.get(name);
    if (!chain) throw new SyntaxError(`chain ${name} is not there`);
    if (depth > JUMPS_MAX) throw new SyntaxError(`chain ${name} is jumped to too deep`);
    for (const rule of chain.rules) {
      const verdict = runRule(rule.tokens, table, flow, this.#memory(table, rule));
      if (!verdict) continue;
      if (verdict.kind === "return") return undefined;
      if (verdict.kind === "goto") return this.#chain(verdict.chain, table, flow, depth + 1);
      const end = verdict.kind === "jump"
        ? this.#chain(verdict.chain, table, flow, depth + 1)
        : verdict;
      if (end) return end;
    }
    return undefined;
  }

  #memory(table: FakeTable, rule: FakeRule): RuleMemory {
    const key = `${table.handle} ${rule.handle}`;
    return {
      now_ms: this.now_ms,
      inc: (modulus) => {
        const value = ((this.#counts.get(key) ?? -1) + 1) % modulus;
        this.#counts.set(key, value);
        return value;
      },
      random: (modulus) => Math.floor(this.#random() * modulus),
      hold: (flow) => {
        const held = [...this.#held.get(key) ?? []].filter(({ ended }) => !ended);
        this.#held.set(key, new Set([...held, flow]));
        return this.#held.get(key)!.size;
      },
    };
  }
}

function baseChains(name: string, { chains }: FakeTable) {
  const hooked = [...chains]
    .flatMap(([chain, { hook }]) => hook ? [{ chain, ...parseHook(hook) }] : [])
    .filter(({ hook }) => hook === name)
    .sort((a, b) => a.priority - b.priority);
  return hooked.map((chain) => ({ ...chain, policy: chain.policy as "accept" | "drop" }));
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
