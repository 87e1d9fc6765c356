/** Test equipment: what rules read in sets and maps, and what they write there. */
import { overlap, rangesOf } from "../../../fake/nft_interval.ts";
import { parseDeclaration } from "../../../fake/nft_script.ts";
import type { ElementState, FakeCollection, FakeTable } from "../../../fake/nft_table.ts";
import { Break, type Flow, readSelector, type RuleMemory, type Value } from "./trace_selector.ts";
import type { Words } from "./trace_words.ts";

/** Statements that change elements. `add` leaves one that is there alone, `update` makes it live on. */
export const DYNAMIC_VERBS = ["add", "update", "delete"] as const;

/** The value of an element; "" in a set, undefined where there is none. `name` begins with @. */
export function lookUp(
  words: Words,
  table: FakeTable,
  name: string,
  key: Value,
  { now_ms }: RuleMemory,
): string | undefined {
  const collection = collectionOf(words, table, name);
  forgetOld(collection, now_ms);
  if (!parseDeclaration(collection.declaration).flags.includes("interval")) {
    return collection.elements.get(`${key}`);
  }
  const point = rangesOf(`${key}`);
  return [...collection.elements].find(([other]) => overlap(rangesOf(other), point))?.[1];
}

/** `VERB @NAME { KEY [limit …] [timeout …] [: VALUE] }`. @throws {Break} where the next statement is not reached */
export function runDynamic(
  verb: typeof DYNAMIC_VERBS[number],
  words: Words,
  table: FakeTable,
  flow: Flow,
  memory: RuleMemory,
): undefined {
  const collection = collectionOf(words, table, words.next());
  forgetOld(collection, memory.now_ms);
  words.expect("{");
  const key = `${readSelector(words, flow, memory)}`;
  const rate = words.ahead("limit") ? readLimit(words) : undefined;
  const timeout_ms = words.take("timeout") ? readTimeout(words) : undefined;
  const value = words.take(":") ? words.next() : "";
  words.expect("}");
  if (verb === "delete") return forget(collection, key);
  const state = remember(verb, collection, key, value, timeout_ms, rate, memory.now_ms);
  if (rate && !isOver(state, rate, memory.now_ms)) throw new Break();
}

interface Rate {
  readonly per_second: number;
  readonly burst: number;
}

function collectionOf(words: Words, table: FakeTable, name: string): FakeCollection {
  const collection = table.collections.get(name.slice(1));
  if (!name.startsWith("@") || !collection) throw words.unknown(name);
  return collection;
}

function forgetOld({ elements, states }: FakeCollection, now_ms: number): void {
  for (const [key, { expires_ms }] of states) {
    if (expires_ms > now_ms) continue;
    elements.delete(key);
    states.delete(key);
  }
}

function forget({ elements, states }: FakeCollection, key: string): undefined {
  elements.delete(key);
  states.delete(key);
}

/** An element that is there keeps its value, whatever the rule says. A full collection takes no more. */
function remember(
  verb: "add" | "update",
  { declaration, elements, states }: FakeCollection,
  key: string,
  value: string,
  timeout_ms: number | undefined,
  rate: Rate | undefined,
  now_ms: number,
): ElementState {
  const { size = Infinity, ...defaults } = parseDeclaration(declaration);
  const lasts_ms = timeout_ms ?? defaults.timeout_ms ?? Infinity;
  const there = states.get(key);
  if (!there && elements.size >= size) throw new Break();
  const expires_ms = there && verb === "add" ? there.expires_ms : now_ms + lasts_ms;
  const fresh = { tokens: rate?.burst ?? 0, counted_ms: now_ms };
  const state = { ...fresh, ...there, expires_ms };
  if (!there) elements.set(key, value);
  states.set(key, state);
  return state;
}

/** nft_limit.c: a bucket of `burst` tokens that fills by `rate`; over is whoever finds none. */
function isOver(state: ElementState, { per_second, burst }: Rate, now_ms: number): boolean {
  const filled = state.tokens + (now_ms - state.counted_ms) / 1000 * per_second;
  state.tokens = Math.min(burst, filled);
  state.counted_ms = now_ms;
  if (state.tokens < 1) return true;
  state.tokens--;
  return false;
}

function readLimit(words: Words): Rate {
  words.expect("limit rate over");
  const [, count] = /^(\d+)\/second$/.exec(words.next()) ?? [];
  words.expect("burst");
  const burst = words.constant();
  words.expect("packets");
  if (count === undefined) throw words.unknown("rate");
  return { per_second: Number(count), burst };
}

function readTimeout(words: Words): number {
  // nft takes no more digits of a unit.
  const [, s, ms] = /^(?=\d)(?:(\d{1,8})s)?(?:(\d{1,8})ms)?$/.exec(words.next()) ?? [];
  if (s === undefined && ms === undefined) throw words.unknown("timeout");
  return Number(s ?? 0) * 1000 + Number(ms ?? 0);
}
