/**
 * What a map or set is declared as, in one spelling for our own text and for nft's JSON, so that it is
 * known again without a record. Newer nft may spell a type otherwise; then the record tells.
 */

/** Type names that nft lists for what `typeof` names. */
const TYPES: Readonly<Record<string, string>> = {
  "ip saddr": "ipv4_addr",
  "ip daddr": "ipv4_addr",
  "ip6 saddr": "ipv6_addr",
  "ip6 daddr": "ipv6_addr",
  "meta l4proto": "inet_proto",
  "th dport": "inet_service",
  "meta mark": "mark",
  "ct mark": "mark",
  "meta priority": "classid",
  "numgen inc mod 65536": "integer",
  "verdict": "verdict",
};

/** What nft lists of a map or set, beside its elements. */
export interface ListedHeader {
  readonly type?: unknown;
  readonly map?: unknown;
  readonly flags?: unknown;
  readonly size?: unknown;
  /** Seconds. */
  readonly timeout?: unknown;
  readonly [key: string]: unknown;
}

/** Header of a declaration such as `typeof ip daddr . th dport : verdict; flags interval;`. */
export function declaredHeader(kind: "map" | "set", declaration: string): string {
  const statements = declaration.split(";").map((statement) => statement.trim());
  const value = (word: string) =>
    statements.find((statement) => statement.startsWith(`${word} `))?.slice(word.length + 1);
  const [key = "", data] = (value("typeof") ?? "").split(" : ");
  // "dynamic" goes without saying in JSON (nft 1.0.6).
  const flags = (value("flags") ?? "").split(",").filter((flag) => flag && flag !== "dynamic");
  return headerText(kind, {
    type: key.split(" . ").map((part) => TYPES[part] ?? part),
    map: data && (TYPES[data] ?? data),
    flags,
    size: value("size"),
    timeout: value("timeout")?.replace(/s$/, ""),
  });
}

/** Header of a listed map or set. */
export function listedHeader(kind: "map" | "set", listed: ListedHeader): string {
  const flags = [listed.flags ?? []].flat().filter((flag) => flag !== "dynamic");
  return headerText(kind, { ...listed, flags });
}

function headerText(
  kind: "map" | "set",
  { type, map, flags, size, timeout }: ListedHeader,
): string {
  return [
    kind,
    [type].flat().map((part) => typeof part === "string" ? part : JSON.stringify(part)).join(" . "),
    map ?? "",
    [flags].flat().toSorted().join(","),
    size ?? "",
    timeout ?? "",
  ].join(" | ");
}
