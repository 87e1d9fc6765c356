/** Changed messages through every decoder: what one may never do is fail in any way but its own. */
import { isDeepStrictEqual } from "node:util";
import { type Message, readMessages } from "../../lib/netlink/codec.ts";
import { EXCHANGE_DECODERS, isRefusal, MESSAGE_DECODERS } from "./decoders.ts";
import { mutated } from "./mutate.ts";
import { Random } from "./random.ts";

/** Bytes before and behind a datagram that no decoder may look at. */
const GUARD_BYTES = 64;

/** Decoding takes some 0.01 ms; what takes this long did not end when it should have. */
export const HANG_MS = 10_000;

/** How often a decoder made something of a message, and how often it refused one. */
export interface Tally {
  read: number;
  refused: number;
}

/** What a run came to. */
export interface FuzzResult {
  readonly messages: number;
  readonly decoders: ReadonlyMap<string, Tally>;
  readonly slowest_ms: number;
}

/** How a run is made. The same seed and samples make the same run. */
export interface FuzzSpec {
  readonly seed: number;
  readonly messages: number;
  readonly samples: readonly Uint8Array[];
  /** Called now and then, with how many are done. */
  readonly progress?: (done: number) => void;
}

/**
 * Runs so many changed messages through every decoder.
 *
 * @throws {Error} naming message and decoder, where one fails in a way that is not its own, reads outside of
 * the message, or takes seconds
 */
export function fuzz({ seed, messages, samples, progress }: FuzzSpec): FuzzResult {
  const random = new Random(seed);
  const decoders = new Map<string, Tally>();
  let slowest_ms = 0;
  for (let number = 0; number < messages; number++) {
    const datagram = mutated(samples, random);
    const start_ms = performance.now();
    try {
      judge(datagram, random.below(256), decoders);
    } catch (cause) {
      throw new Error(`message ${number} of seed ${seed}: ${hex(datagram)}`, { cause });
    }
    slowest_ms = Math.max(slowest_ms, performance.now() - start_ms);
    if (slowest_ms > HANG_MS) {
      throw new Error(`message ${number} of seed ${seed}: ${slowest_ms} ms`);
    }
    if (number % 10_000 === 0) progress?.(number);
  }
  return { messages, decoders, slowest_ms };
}

/**
 * Once in a buffer of its own, at whose ends every read fails, and once in the middle of a poisoned one: who
 * reads outside of its message crashes in the one, and comes to something else in the other.
 */
function judge(datagram: Uint8Array, poison: number, decoders: Map<string, Tally>): void {
  const alone = outcomes(datagram.slice());
  const guarded = new Uint8Array(datagram.length + 2 * GUARD_BYTES).fill(poison);
  guarded.set(datagram, GUARD_BYTES);
  const among = outcomes(guarded.subarray(GUARD_BYTES, GUARD_BYTES + datagram.length));
  if (!isDeepStrictEqual(alone, among)) throw new Error(`read outside: ${differing(alone, among)}`);
  for (const { decoder, refusal } of alone) {
    const tally = decoders.get(decoder) ?? { read: 0, refused: 0 };
    if (refusal === undefined) tally.read++;
    else tally.refused++;
    decoders.set(decoder, tally);
  }
}

interface Outcome {
  readonly decoder: string;
  readonly result?: unknown;
  readonly refusal?: string;
}

function outcomes(datagram: Uint8Array): Outcome[] {
  const messages = attempt("messages", () => readMessages(datagram));
  // What a message is made of shows in what the decoders make of it.
  const header = { decoder: messages.decoder, refusal: messages.refusal };
  return [
    header,
    ...((messages.result ?? []) as Message[]).flatMap((message) =>
      MESSAGE_ENTRIES.map(([name, decode]) => attempt(name, () => decode(message)))
    ),
    ...EXCHANGE_ENTRIES.map(([name, decode]) => attempt(name, () => decode(datagram))),
  ];
}

const MESSAGE_ENTRIES = Object.entries(MESSAGE_DECODERS);
const EXCHANGE_ENTRIES = Object.entries(EXCHANGE_DECODERS);

function attempt(decoder: string, decode: () => unknown): Outcome {
  try {
    return { decoder, result: decode() };
  } catch (error) {
    if (isRefusal(error)) return { decoder, refusal: (error as Error).message };
    throw new Error(`${decoder} failed in a way that is not its own`, { cause: error });
  }
}

function differing(some: readonly Outcome[], others: readonly Outcome[]): string {
  const at = some.findIndex((outcome, index) => !isDeepStrictEqual(outcome, others[index]));
  return (some[at] ?? others.at(-1))?.decoder ?? "messages";
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
