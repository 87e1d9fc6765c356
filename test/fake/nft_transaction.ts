/** Test equipment: transactions that come over netlink, turned into the statements the fake nft knows. */
import type { FakeNft } from "./nft.ts";
import { type Field, fieldOf, keyWords } from "./nft_fields.ts";
import { parseDeclaration } from "./nft_script.ts";
import { expressionWords } from "./nft_wire.ts";
import { type Asked, attributesOf, listOf, textOf, viewOf } from "./wire.ts";

const ERRNOS: readonly (readonly [string, number])[] = [
  ["No such file or directory", 2],
  ["File exists", 17],
];

const NEW_RULE = 6;
const NEW_ELEMENT = 12;
const DELETE_ELEMENT = 14;

const FAMILIES: Readonly<Record<number, string>> = { 1: "inet", 2: "ip", 5: "netdev", 10: "ip6" };
const VERDICTS: Readonly<Record<number, string>> = {
  [0]: "drop",
  [1]: "accept",
  [-3]: "jump",
  [-4]: "goto",
};

/** Carries out a transaction. @returns 0, or a negative errno where nothing came about */
export function transactNft(nft: FakeNft, parts: readonly Asked[]): number {
  const statements = parts.map((part) => statementOf(nft, part));
  if (statements.includes(undefined)) return -2;
  const { code, stderr } = nft.run(statements.join("\n"));
  if (code === 0) return 0;
  const errno = ERRNOS.find(([words]) => stderr.includes(words))?.[1];
  if (errno === undefined) throw new SyntaxError(`no errno for ${stderr}`);
  return -errno;
}

/** @returns undefined where what it is about is not there */
function statementOf(nft: FakeNft, { type, body }: Asked): string | undefined {
  const attributes = attributesOf(body.slice(4));
  const path = `${FAMILIES[body[0]!]} ${textOf(attributes.get(1)!)}`;
  const [message, name] = [type & 0xff, textOf(attributes.get(2)!)];
  if (message === NEW_RULE) return replacement(nft, path, name, attributes);
  if (message !== NEW_ELEMENT && message !== DELETE_ELEMENT) {
    throw new SyntaxError(`the fake kernel takes no nf_tables message ${message} in transactions`);
  }
  const collection = nft.table(path)?.collections.get(name);
  if (!collection) return undefined;
  const { fields, value } = parseDeclaration(collection.declaration);
  const words = listOf(attributes.get(3)!).map((element) =>
    elementWords(attributesOf(element), fields.map(fieldOf), value)
  );
  const verb = message === NEW_ELEMENT ? "add" : "delete";
  return `${verb} element ${path} ${name} { ${words.join(", ")} }`;
}

function elementWords(
  element: ReadonlyMap<number, Uint8Array>,
  fields: readonly Field[],
  value: string | undefined,
): string {
  const key = keyWords(fields, attributesOf(element.get(1)!).get(1)!);
  const data = element.get(2);
  if (!data || value === undefined) return key;
  const verdict = attributesOf(data).get(2);
  if (!verdict) return `${key} : ${keyWords([fieldOf(value)], attributesOf(data).get(1)!)}`;
  const parts = attributesOf(verdict);
  const code = VERDICTS[viewOf(parts.get(1)!).getInt32(0)];
  const chain = parts.get(2);
  return `${key} : ${chain ? `${code} ${textOf(chain)}` : code}`;
}

/** A rule that takes the place of the one with its handle. Its expressions are the fake's own words. */
function replacement(
  nft: FakeNft,
  path: string,
  chain: string,
  attributes: ReadonlyMap<number, Uint8Array>,
): string | undefined {
  const handle = viewOf(attributes.get(3)!).getBigUint64(0);
  const found = nft.table(path)?.chains.get(chain)?.rules
    .some((rule) => BigInt(rule.handle) === handle);
  if (!found) return undefined;
  const words = listOf(attributes.get(4)!).map(expressionWords).filter(Boolean);
  return `replace rule ${path} ${chain} handle ${handle} ${words.join(" ")}`;
}
