/**
 * Test equipment: one nft rule, interpreted on one packet. What it does not know throws: a rule that nobody
 * understands must not pass for one that works.
 */
import { parseAddress } from "../../../../lib/model/address.ts";
import type { FakeTable } from "../../../fake/nft_table.ts";
import { DYNAMIC_VERBS, lookUp, runDynamic } from "./trace_elements.ts";
import { Break, type Flow, readSelector, type RuleMemory, type Value } from "./trace_selector.ts";
import { Words } from "./trace_words.ts";

export type Verdict =
  | { readonly kind: "accept" | "drop" | "return" | "reset" | "unreachable" }
  | { readonly kind: "jump" | "goto"; readonly chain: string }
  | { readonly kind: "sent"; readonly to: string };

/** By the IP versions that are answered so; nft passes packets of the others over. */
const UNREACHABLE: Readonly<Record<string, readonly Flow["family"][]>> = {
  "with icmpx type port-unreachable": [4, 6],
  "with icmp type port-unreachable": [4],
  "with icmpv6 type port-unreachable": [6],
};

/** @returns undefined where the packet goes on to the next rule */
export function runRule(
  tokens: readonly string[],
  table: FakeTable,
  flow: Flow,
  memory: RuleMemory,
): Verdict | undefined {
  const run = new RuleRun(tokens, table, flow, memory);
  try {
    return run.statements();
  } catch (error) {
    if (error instanceof Break) return undefined;
    throw error;
  }
}

class RuleRun {
  readonly #words: Words;
  readonly #table: FakeTable;
  readonly #flow: Flow;
  readonly #memory: RuleMemory;

  constructor(tokens: readonly string[], table: FakeTable, flow: Flow, memory: RuleMemory) {
    this.#words = new Words(tokens);
    this.#table = table;
    this.#flow = flow;
    this.#memory = memory;
  }

  statements(): Verdict | undefined {
    while (!this.#words.ended) {
      const verdict = this.#statement();
      if (verdict) return verdict;
    }
    return undefined;
  }

  #statement(): Verdict | undefined {
    const words = this.#words;
    const kind = words.take("accept", "drop", "return");
    if (kind) return { kind };
    const call = words.take("jump", "goto");
    if (call) return { kind: call, chain: words.next() };
    if (words.take("reject")) return this.#reject();
    if (words.take("dnat")) return this.#dnat();
    if (words.take("masquerade")) return this.#masquerade();
    if (words.take("fwd")) return this.#send();
    if (words.take("counter")) return this.#count();
    if (words.ahead("ct mark set")) return this.#setCtMark();
    if (words.ahead("meta mark set")) return this.#setMark();
    if (words.ahead("meta priority set")) return this.#setPriority();
    if (words.ahead("ip dscp set") || words.ahead("ip6 dscp set")) return this.#setDscp();
    if (words.ahead("ct count over")) return this.#limit();
    const verb = words.take(...DYNAMIC_VERBS);
    if (verb) return runDynamic(verb, words, this.#table, this.#flow, this.#memory);
    return this.#match();
  }

  #reject(): Verdict {
    const how = this.#words.rest();
    const families = UNREACHABLE[how];
    if (families?.includes(this.#flow.family)) return { kind: "unreachable" };
    if (families) throw new Break();
    // Only tcp has resets; for anything else the rule would be a mistake.
    if (how === "with tcp reset" && this.#flow.l4proto === "tcp") return { kind: "reset" };
    throw this.#words.unknown(how);
  }

  /** A nat statement ends the way through the hook's nat chains. */
  #dnat(): Verdict {
    const family = this.#words.take("ip", "ip6") === "ip" ? 4 : 6;
    this.#words.expect("to");
    const { text, port } = this.#endpoint(this.#words.next());
    const address = parseAddress(text);
    if (address?.family !== family || family !== this.#flow.family) {
      throw this.#words.unknown(`dnat to ${text}`);
    }
    this.#flow.daddr = address.text;
    this.#flow.dport = port ?? this.#flow.dport;
    this.#flow.dnat = true;
    return { kind: "accept" };
  }

  /** `A`, `A:P`, `V6` or `[V6]:P` */
  #endpoint(word: string): { text: string; port?: number } {
    if (parseAddress(word)) return { text: word };
    const [, v6, v4, port] = /^(?:\[(.+)\]|([\d.]+)):(\d+)$/.exec(word) ?? [];
    return { text: v6 ?? v4 ?? word, port: Number(port) };
  }

  /** By the neighbour table, past everything else. */
  #send(): Verdict {
    const family = this.#words.take("ip", "ip6") === "ip" ? 4 : 6;
    this.#words.expect("to");
    const to = this.#words.next();
    if (parseAddress(to)?.family !== family || family !== this.#flow.family) {
      throw this.#words.unknown(`fwd to ${to}`);
    }
    this.#words.expect("device");
    return { kind: "sent", to: `${to} by ${this.#words.constant()}` };
  }

  #masquerade(): Verdict {
    this.#flow.masqueraded = true;
    return { kind: "accept" };
  }

  #count(): undefined {
    this.#words.expect("name");
    const name = this.#words.next().replaceAll('"', "");
    if (!this.#table.counters.has(name)) throw this.#words.unknown(`counter ${name}`);
    this.#flow.counters.push(name);
  }

  /** `ct mark set ct mark [& KEEP] [| ADD]` */
  #setCtMark(): undefined {
    this.#words.expect("ct mark set ct mark");
    const kept = this.#words.take("&") ? this.#words.constant() : -1;
    const added = this.#words.take("|") ? this.#words.constant() : 0;
    this.#flow.ct_mark = (this.#flow.ct_mark & kept | added) >>> 0;
  }

  #setMark(): undefined {
    this.#words.expect("meta mark set meta mark |");
    this.#flow.mark = (this.#flow.mark | this.#words.constant()) >>> 0;
  }

  #setDscp(): undefined {
    const family = this.#words.take("ip", "ip6") === "ip" ? 4 : 6;
    this.#words.expect("dscp set");
    if (family !== this.#flow.family) throw new Break();
    this.#flow.dscp = this.#words.constant();
  }

  #setPriority(): undefined {
    this.#words.expect("meta priority set");
    const constant = this.#words.takeMatching(/^(none|[0-9a-f]{1,4}:[0-9a-f]{1,4})$/);
    if (constant !== undefined) {
      this.#flow.priority = constant;
      return;
    }
    const key = this.#select();
    this.#words.expect("map");
    this.#flow.priority = this.#lookup(key);
  }

  /** A connection counts for as long as it is not ended, the one that is over the limit too. */
  #limit(): undefined {
    this.#words.expect("ct count over");
    if (this.#memory.hold(this.#flow) <= this.#words.constant()) throw new Break();
  }

  #match(): Verdict | undefined {
    const value = this.#select();
    if (this.#words.take("vmap")) return this.#verdict(this.#lookup(value));
    const operator = this.#words.take("==", "!=");
    const other = this.#words.next();
    const isSame = other.startsWith("@")
      ? lookUp(this.#words, this.#table, other, value, this.#memory) !== undefined
      : `${value}` === `${this.#constantOr(other, value)}`;
    if (isSame === (operator === "!=")) throw new Break();
    return undefined;
  }

  /** Numbers have names and several spellings. */
  #constantOr(word: string, value: Value): Value {
    return typeof value === "number" ? this.#words.number(word) : word;
  }

  #verdict(text: string): Verdict {
    const [kind, chain = ""] = text.split(" ");
    if (kind === "jump" || kind === "goto") return { kind, chain };
    if (kind === "accept" || kind === "drop" || kind === "return") return { kind };
    throw this.#words.unknown(text);
  }

  #select(): Value {
    return readSelector(this.#words, this.#flow, this.#memory);
  }

  /** The next word names the map. A miss ends the rule. */
  #lookup(key: Value): string {
    const found = lookUp(this.#words, this.#table, this.#words.next(), key, this.#memory);
    if (found === undefined) throw new Break();
    return found;
  }
}
