import { formatPrefix, fullLength, isSingle, type Prefix } from "../model/address.ts";
import { formatPorts, type PortRange, type Protocol } from "../model/service.ts";
import { bitsOf, type Indexed, portClashes, present, vipClashes } from "./clash.ts";
import { type DraftFile, type DraftService, isUnreadable } from "./draft.ts";
import { type Path, type Problem, valueError } from "./problem.ts";

/** One VIP and one port range that a service wants for itself. */
interface Claim {
  readonly service: number;
  readonly vip: number;
  readonly prefix: Prefix;
  readonly protocol: Protocol;
  readonly ports: PortRange;
}

const ALL_PORTS: readonly Indexed<PortRange>[] = [[{ first: 1, last: 65535 }, 0]];

/** Clashes named for one claim. Where thousands are alike, all pairs would be millions. */
const PARTNERS_MAX = 4;

/**
 * VIPs and ports that two services claim. One address with one port may lie inside another service's
 * range, for the exact one wins: the engines look it up first (nft-layout.md, "Dispatch").
 *
 * Time is n log n for sound configs. A claim that overlaps more than {@linkcode PARTNERS_MAX} others
 * is named with that many.
 */
export function overlapsBetween(file: DraftFile): Problem[] {
  const exact: Claim[] = [];
  const ranges: Claim[] = [];
  file.service?.forEach((service, index) => {
    if (!service) return;
    for (const claim of claimsOf(service, index)) (isExact(claim) ? exact : ranges).push(claim);
  });
  return problemsOf([...exactPairs(exact), ...rangePairs(ranges)], file);
}

/** What a service claims, without what it names twice: that is reported already. */
function claimsOf(service: DraftService, index: number): Claim[] {
  if (!service.ports || isUnreadable(service, "protocol")) return [];
  const protocol = service.protocol ?? "tcp";
  const ports = service.ports === "all" ? ALL_PORTS : once(service.ports, portClashes);
  const claims: Claim[] = [];
  for (const [prefix, vip] of once(service.vip ?? [], vipClashes)) {
    for (const [range] of ports) {
      claims.push({ service: index, vip, prefix, protocol, ports: range });
    }
  }
  return claims;
}

function once<Item>(
  list: readonly (Item | undefined)[],
  clashes: (list: readonly (Item | undefined)[]) => (readonly [number, number])[],
): Indexed<Item>[] {
  const pairs = clashes(list);
  if (pairs.length === 0) return present(list);
  const twice = new Set(pairs.map(([later]) => later));
  return present(list).filter(([, index]) => !twice.has(index));
}

function isExact({ prefix, ports }: Claim): boolean {
  return isSingle(prefix) && ports.first === ports.last;
}

type Pair = readonly [Claim, Claim];

function exactPairs(claims: readonly Claim[]): Pair[] {
  const owners = new Map<string, Claim>();
  const crowds = new Map<string, Claim[]>();
  const pairs: Pair[] = [];
  for (const claim of claims) {
    const key = `${claim.protocol} ${claim.prefix.text} ${claim.ports.first}`;
    const owner = owners.get(key);
    if (!owner) {
      owners.set(key, claim);
      continue;
    }
    const crowd = crowds.get(key) ?? [owner];
    for (const other of crowd.slice(-PARTNERS_MAX)) pairs.push([other, claim]);
    crowd.push(claim);
    crowds.set(key, crowd);
  }
  return pairs;
}

/** Claims on one prefix, sorted by first port; beside each, the one so far whose ports reach farthest. */
interface Shelf {
  readonly claims: readonly Claim[];
  readonly farthest: readonly Claim[];
}

/** Prefixes contain each other or have nothing in common: so look for each, and for all its parents. */
function rangePairs(claims: readonly Claim[]): Pair[] {
  const shelves = shelve(claims);
  const families = Map.groupBy(claims, ({ prefix }) => prefix.family);
  const lengths = new Map([...families].map(([family, members]) => [
    family,
    [...new Set(members.map(({ prefix }) => prefix.length))],
  ]));
  return [...shelves.values()].flatMap((shelf) => [
    ...pairsOnShelf(shelf),
    ...shelf.claims.flatMap((claim) =>
      (lengths.get(claim.prefix.family) ?? [])
        .filter((length) => length < claim.prefix.length)
        .map((length) => shelves.get(shelfKey(claim, length)))
        .flatMap((parent) =>
          parent ? pairsWith(claim, parent, countUpTo(parent.claims, claim.ports.last)) : []
        )
    ),
  ]);
}

function shelve(claims: readonly Claim[]): Map<string, Shelf> {
  const groups = Map.groupBy(claims, (claim) => shelfKey(claim, claim.prefix.length));
  return new Map([...groups].map(([key, group]) => {
    const sorted = group.toSorted((a, b) => a.ports.first - b.ports.first);
    return [key, { claims: sorted, farthest: runningFarthest(sorted) }];
  }));
}

function shelfKey({ protocol, prefix }: Claim, length: number): string {
  return `${protocol} ${keyOf(prefix, length)}`;
}

function runningFarthest(sorted: readonly Claim[]): Claim[] {
  let best: Claim | undefined;
  return sorted.map((claim) => best = best && best.ports.last >= claim.ports.last ? best : claim);
}

function pairsOnShelf(shelf: Shelf): Pair[] {
  return shelf.claims.flatMap((claim, index) => pairsWith(claim, shelf, index));
}

/** Pairs with those among the first `count` on a shelf whose ports reach up to the claim's. */
function pairsWith(claim: Claim, { claims, farthest }: Shelf, count: number): Pair[] {
  const reaches = (other?: Claim) => other && other.ports.last >= claim.ports.first;
  const pairs: Pair[] = [];
  for (let index = count - 1; reaches(farthest[index]) && pairs.length < PARTNERS_MAX; index--) {
    const other = claims[index];
    if (other && reaches(other)) pairs.push([other, claim]);
  }
  return pairs;
}

/** How many begin at this port or before it, by bisection. */
function countUpTo(sorted: readonly Claim[], last: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle]?.ports.first ?? Infinity) <= last) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Names the network that the first bits of an address stand for. */
function keyOf(prefix: Prefix, length: number): string {
  // Whole addresses are compared as they are, since most are and turning them into bits takes time.
  if (length === fullLength(prefix.family)) return prefix.text;
  return `${prefix.family} ${bitsOf(prefix).slice(0, length)}`;
}

/** One problem for each pair of services and VIP, at the later of the two. */
function problemsOf(pairs: readonly Pair[], file: DraftFile): Problem[] {
  const sorted = pairs.map(([a, b]): Pair => a.service < b.service ? [a, b] : [b, a]);
  const groups = Map.groupBy(sorted, ([a, b]) => `${a.service} ${a.vip} ${b.service} ${b.vip}`);
  return [...groups.values()].flatMap((group) => {
    const [earlier, later] = group[0] ?? [];
    if (!earlier || !later || earlier.service === later.service) return [];
    const ports = group.map(([a, b]) => formatPorts([commonPorts(a, b)])).join(", ");
    const vip = earlier.prefix.length > later.prefix.length ? earlier.prefix : later.prefix;
    const name = file.service?.[earlier.service]?.name ?? `number ${earlier.service + 1}`;
    const message = `${
      formatPrefix(vip)
    } ${later.protocol} ${ports} belongs to service \`${name}\``;
    return [valueError(pathOf(later), message, { other: pathOf(earlier) })];
  });
}

function commonPorts({ ports: a }: Claim, { ports: b }: Claim): PortRange {
  return { first: Math.max(a.first, b.first), last: Math.min(a.last, b.last) };
}

function pathOf({ service, vip }: Claim): Path {
  return ["service", service, "vip", vip];
}
