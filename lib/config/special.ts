import {
  type Address,
  contains,
  formatPrefix,
  fullLength,
  isSingle,
  parsePrefix,
  type Prefix,
} from "../model/address.ts";

/**
 * Networks that can be neither a VIP nor a backend (IANA special-purpose address registries): packets for
 * them are never routed to another machine. Of 0.0.0.0/8 only 0.0.0.0 is: linux routes the rest since 5.3.
 */
const SPECIAL: readonly (readonly [network: Prefix, what: string])[] = ([
  ["0.0.0.0", "unspecified"],
  ["127.0.0.0/8", "loopback"],
  ["169.254.0.0/16", "link-local"],
  ["224.0.0.0/4", "multicast"],
  ["255.255.255.255", "broadcast"],
  ["::", "unspecified"],
  ["::1", "loopback"],
  ["fe80::/10", "link-local"],
  ["ff00::/8", "multicast"],
] as const).map(([text, what]) => [parsed(text), what]);

/** How the text of each of them begins. Most of 60,000 addresses need no closer look. */
const SUSPECT = /^(?:0|127|169|2[2-5]\d)\.|^::|^f[ef]/;

/**
 * Why an address or prefix cannot be a VIP or backend; undefined where it can.
 *
 * @example `127.0.0.0/8 is loopback`, `0.0.0.0/0 contains 127.0.0.0/8, which is loopback`
 */
export function whyUnusable(address: Address | Prefix): string | undefined {
  const isWhole = !("length" in address) || isSingle(address);
  if (isWhole && !SUSPECT.test(address.text)) return undefined;
  const prefix = { length: fullLength(address.family), ...address };
  for (const [network, what] of SPECIAL) {
    if (contains(network, prefix)) return `${formatPrefix(prefix)} is ${what}`;
    if (!contains(prefix, network)) continue;
    return `${formatPrefix(prefix)} contains ${formatPrefix(network)}, which is ${what}`;
  }
  return undefined;
}

function parsed(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (!prefix) throw new RangeError(`${text} is no prefix`);
  return prefix;
}
