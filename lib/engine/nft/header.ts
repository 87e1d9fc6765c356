/**
 * What a map or set is declared as, in one spelling for our own text and for what the kernel tells, so that
 * it is known again without a record.
 */
import type { ListedSet } from "../../netlink/nft/set.ts";
import { keyBytes, type KeyPart, partsOf, typeNumber } from "./key_type.ts";

/** enum nft_set_flags of linux/netfilter/nf_tables.h. */
const FLAGS = {
  constant: 2,
  interval: 4,
  map: 8,
  timeout: 0x10,
  dynamic: 0x20,
  object: 0x40,
  concat: 0x80,
};

/** What `typeof … : verdict` is in the kernel: NFT_DATA_VERDICT and the size of its register. */
const VERDICT = { type: 0xffffff00, bytes: 16 };

const declared = new Map<string, string>();

/**
 * The header of a declaration such as `typeof ip daddr . th dport : verdict; flags interval;`. There are few
 * different ones, and thousands of maps that have them.
 */
export function declaredHeader(declaration: string): string {
  const header = declared.get(declaration) ?? headerText(parse(declaration));
  declared.set(declaration, header);
  return header;
}

/** What a header tells. */
type Header = Omit<ListedSet, "name">;

/** What a declaration says of keys and values. */
export interface DeclaredTypes {
  readonly key: readonly KeyPart[];
  /** Maps only. */
  readonly data?: KeyPart | "verdict";
  readonly flags: readonly string[];
}

/** The types that {@linkcode declaredHeader}'s argument names. */
export function declaredTypes(declaration: string): DeclaredTypes {
  const value = reader(declaration);
  const [key = "", data] = (value("typeof") ?? "").split(" : ");
  return {
    key: partsOf(key),
    ...data === undefined ? {} : { data: data === "verdict" ? data : partsOf(data)[0]! },
    flags: value("flags")?.split(",") ?? [],
  };
}

/** Finds what follows a word at the head of a statement. */
function reader(declaration: string): (word: string) => string | undefined {
  const statements = declaration.split(";").map((statement) => statement.trim());
  return (word) =>
    statements.find((statement) => statement.startsWith(`${word} `))?.slice(word.length + 1);
}

function parse(declaration: string): Header {
  const { key, data, flags: words } = declaredTypes(declaration);
  const value = reader(declaration);
  const { type, bytes } = data === undefined || data === "verdict" ? VERDICT : data;
  const [timeout, size] = [value("timeout"), value("size")];
  const flags = [
    ...words.map((word) => FLAGS[word as keyof typeof FLAGS]),
    ...words.includes("interval") && key.length > 1 ? [FLAGS.concat] : [],
    ...data === undefined ? [] : [FLAGS.map],
    ...timeout === undefined ? [] : [FLAGS.timeout],
  ];
  return {
    flags: flags.reduce((all, flag) => all | flag, 0),
    key_type: typeNumber(key),
    key_bytes: keyBytes(key),
    ...data === undefined ? {} : { data_type: type, data_bytes: bytes },
    ...timeout === undefined ? {} : { timeout_ms: Number.parseInt(timeout) * 1000 },
    ...size === undefined ? {} : { size: Number(size) },
    hasExpressions: false,
  };
}

/** The header of a map or set in the kernel. */
export function listedHeader(set: ListedSet): string {
  return headerText(set);
}

/** Whether keys are ranges. */
export function isInterval({ flags }: ListedSet): boolean {
  return (flags & FLAGS.interval) !== 0;
}

/** Whether the kernel's set is a map. */
export function kindOf({ flags }: ListedSet): "map" | "set" {
  return (flags & (FLAGS.map | FLAGS.object)) === 0 ? "set" : "map";
}

function headerText(set: Header): string {
  return [
    set.flags,
    set.key_type,
    set.key_bytes,
    set.data_type ?? "",
    set.data_bytes ?? "",
    set.timeout_ms ?? "",
    set.size ?? "",
    set.hasExpressions ? "with expressions" : "",
  ].join(" ");
}
