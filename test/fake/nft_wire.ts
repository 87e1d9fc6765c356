/**
 * Test equipment: objects of the fake nft as attributes of nf_tables (linux/netfilter/nf_tables.h), written
 * by hand. A rule's expressions are a stand-in: its words, as expressions "fake", but for the modulus of those
 * that pick a slot.
 */
import { type Field, fieldOf, keyBytes, lengthOf, numberBytes, typeOf } from "./nft_fields.ts";
import { FAMILY_SHIFT, rangesOf } from "./nft_interval.ts";
import { type Hook, parseDeclaration, parseHook } from "./nft_script.ts";
import type { FakeChain, FakeCollection, FakeCounter, FakeRule, FakeTable } from "./nft_table.ts";
import { attribute, attributesOf, joined, textOf, u32be, u64be, viewOf } from "./wire.ts";

const SET_FLAGS = { constant: 2, interval: 4, map: 8, timeout: 0x10, dynamic: 0x20, concat: 0x80 };
const NFT_DATA_VERDICT = 0xffffff00;
const VERDICT_BYTES = 16;
const INTERVAL_END = 1;
const VERDICTS: Readonly<Record<string, number>> = {
  drop: 0,
  accept: 1,
  continue: -1,
  jump: -3,
  goto: -4,
  return: -5,
};
const HOOKS = ["prerouting", "input", "forward", "output", "postrouting", "ingress"];

/** An attribute's length is a 16-bit number. */
const ELEMENTS_PER_MESSAGE = 200;

/** A name with the NUL behind it. */
export function nameAttribute(type: number, name: string): Uint8Array {
  return attribute(type, new TextEncoder().encode(`${name}\0`));
}

export function tableAttributes(name: string, { handle, chains }: FakeTable): Uint8Array {
  return joined(
    nameAttribute(1, name),
    attribute(2, u32be(0)),
    attribute(3, u32be(chains.size)),
    attribute(4, u64be(handle)),
  );
}

export function chainAttributes(at: Place, { handle, hook }: FakeChain): Uint8Array {
  const named = joined(nameAttribute(1, at.table), nameAttribute(3, at.name));
  const plain = joined(named, attribute(2, u64be(handle)));
  return hook === undefined ? plain : joined(plain, hookAttributes(parseHook(hook)));
}

/** Where an object is. */
export interface Place {
  readonly table: string;
  readonly name: string;
}

function hookAttributes({ type, hook, priority, policy, devices }: Hook): Uint8Array {
  // In netdev tables, ingress is 0 and there is no other.
  const hooknum = devices.length > 0 ? 0 : HOOKS.indexOf(hook);
  const names = devices.map((device) => nameAttribute(1, device));
  const place = joined(
    attribute(1, u32be(hooknum)),
    attribute(2, u32be(priority >>> 0)),
    ...(devices.length > 0 ? [attribute(4, joined(...names))] : []),
  );
  return joined(
    attribute(4, place),
    attribute(5, u32be(policy === "drop" ? 0 : 1)),
    nameAttribute(7, type),
  );
}

export function ruleAttributes(at: Place, { handle, tokens }: FakeRule): Uint8Array {
  return joined(
    nameAttribute(1, at.table),
    nameAttribute(2, at.name),
    attribute(3, u64be(handle)),
    attribute(4, joined(...expressionsOf(tokens).map((one) => attribute(1, one)))),
  );
}

/** Which attribute of an expression is its modulus. */
const MODULI = { numgen: 2, hash: 4 } as const;

function expressionsOf(tokens: readonly string[]): Uint8Array[] {
  const words = (part: readonly string[]) =>
    joined(nameAttribute(1, "fake"), nameAttribute(2, part.join(" ")));
  const at = tokens.indexOf("mod");
  if (at < 0) return [words(tokens)];
  const name = tokens.includes("jhash") ? "hash" : "numgen";
  const modulus = attribute(MODULI[name], u32be(Number(tokens[at + 1])));
  return [
    words(tokens.slice(0, at)),
    joined(nameAttribute(1, name), attribute(2, modulus)),
    words(tokens.slice(at + 2)),
  ];
}

/** The words of such an expression. */
export function expressionWords(expression: Uint8Array): string {
  const parts = attributesOf(expression);
  const name = textOf(parts.get(1)!);
  if (name === "fake") return textOf(parts.get(2)!);
  const modulus = attributesOf(parts.get(2)!).get(MODULI[name as keyof typeof MODULI])!;
  return `mod ${viewOf(modulus).getUint32(0)}`;
}

export function setAttributes(at: Place, { handle, declaration }: FakeCollection): Uint8Array {
  const { value, size, timeout_ms } = parseDeclaration(declaration);
  const fields = fieldsOf(declaration);
  const flags = flagsOf(declaration);
  return joined(
    nameAttribute(1, at.table),
    nameAttribute(2, at.name),
    attribute(16, u64be(handle)),
    ...(flags === 0 ? [] : [attribute(3, u32be(flags))]),
    attribute(4, u32be(typeOf(fields))),
    attribute(5, u32be(lengthOf(fields))),
    ...(value === undefined ? [] : dataAttributes(value)),
    ...(timeout_ms === undefined ? [] : [attribute(11, u64be(timeout_ms))]),
    attribute(
      9,
      joined(
        ...(size === undefined ? [] : [attribute(1, u32be(size))]),
        ...(flags & SET_FLAGS.concat ? [attribute(2, joined(...fields.map(fieldLength)))] : []),
      ),
    ),
  );
}

function fieldsOf(declaration: string) {
  return parseDeclaration(declaration).fields.map(fieldOf);
}

function flagsOf(declaration: string): number {
  const { fields, value, flags, timeout_ms } = parseDeclaration(declaration);
  const isConcat = fields.length > 1 && flags.includes("interval");
  const words = [
    ...flags,
    ...(value === undefined ? [] : ["map"]),
    ...(timeout_ms === undefined ? [] : ["timeout"]),
    ...(isConcat ? ["concat"] : []),
  ];
  return words.reduce((bits, word) => bits | SET_FLAGS[word as keyof typeof SET_FLAGS], 0);
}

function dataAttributes(value: string): Uint8Array[] {
  const isVerdict = value === "verdict";
  const [type, bytes] = isVerdict
    ? [NFT_DATA_VERDICT, VERDICT_BYTES]
    : [fieldOf(value).type, fieldOf(value).bytes];
  return [attribute(6, u32be(type)), attribute(7, u32be(bytes))];
}

function fieldLength({ bytes }: { readonly bytes: number }): Uint8Array {
  return attribute(1, attribute(1, u32be(bytes)));
}

/** The elements of a set or map, as many as go into one message, and so on; one without any where it is empty. */
export function* elementAttributes(at: Place, collection: FakeCollection): Generator<Uint8Array> {
  const elements = elementsOf(collection);
  for (let from = 0; from === 0 || from < elements.length; from += ELEMENTS_PER_MESSAGE) {
    const part = elements.slice(from, from + ELEMENTS_PER_MESSAGE);
    const list = joined(...part.map((element) => attribute(1, element)));
    yield joined(nameAttribute(1, at.table), nameAttribute(2, at.name), attribute(3, list));
  }
}

function elementsOf({ declaration, elements }: FakeCollection): Uint8Array[] {
  const { value } = parseDeclaration(declaration);
  const fields = fieldsOf(declaration);
  const flags = flagsOf(declaration);
  const isTree = (flags & SET_FLAGS.interval) !== 0 && fields.length === 1;
  if (isTree) return treeElements(fields[0]!, elements, value);
  return Array.from(elements, ([text, data]) => {
    const [first, last] = keyBytes(fields, text);
    return joined(
      keyAttribute(1, first),
      ...(flags & SET_FLAGS.concat ? [keyAttribute(10, last)] : []),
      ...dataAttribute(value, data),
    );
  });
}

/**
 * Intervals of single values: where each begins, and the value behind its end, unless that is the last there
 * is. nft puts an end at 0 before all of them. From the highest on, as linux 6.18 tells them.
 */
function treeElements(
  field: Field,
  elements: ReadonlyMap<string, string>,
  value: string | undefined,
): Uint8Array[] {
  const lowest = BigInt(field.family ?? 0) << FAMILY_SHIFT;
  const highest = lowest + (1n << BigInt(field.bytes * 8)) - 1n;
  const ranges = Array.from(elements, ([text, data]) => ({ range: rangesOf(text)[0]!, data }))
    .sort((a, b) => a.range[0] < b.range[0] ? -1 : 1);
  const end = (at: bigint) =>
    joined(keyAttribute(1, numberBytes(field, at)), attribute(3, u32be(INTERVAL_END)));
  const parts = ranges.flatMap(({ range: [first, last], data }) => [
    joined(keyAttribute(1, numberBytes(field, first)), ...dataAttribute(value, data)),
    ...(last < highest ? [end(last + 1n)] : []),
  ]);
  const first = ranges[0]?.range[0] ?? lowest;
  return (first > lowest ? [end(lowest), ...parts] : parts).reverse();
}

function keyAttribute(type: number, key: Uint8Array): Uint8Array {
  return attribute(type, attribute(1, key));
}

function dataAttribute(value: string | undefined, data: string): Uint8Array[] {
  if (value === undefined) return [];
  if (value !== "verdict") return [keyAttribute(2, keyBytes([fieldOf(value)], data)[0])];
  const [verdict = "", chain] = data.split(" ");
  const code = VERDICTS[verdict];
  if (code === undefined) throw new SyntaxError(`the fake nft does not know the verdict ${data}`);
  const parts = [attribute(1, u32be(code >>> 0))];
  if (chain !== undefined) parts.push(nameAttribute(2, chain));
  return [attribute(2, attribute(2, joined(...parts)))];
}

export function counterAttributes(
  at: Place,
  { handle, packets, bytes }: FakeCounter,
): Uint8Array {
  return joined(
    nameAttribute(1, at.table),
    nameAttribute(2, at.name),
    attribute(3, u32be(1)),
    attribute(6, u64be(handle)),
    attribute(4, joined(attribute(1, u64be(bytes)), attribute(2, u64be(packets)))),
  );
}
