import {
  addressBytes,
  contains,
  formatPrefix,
  fullLength,
  isSingle,
  type Prefix,
} from "../model/address.ts";
import { formatPorts, type PortRange, type Protocol } from "../model/service.ts";
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

const ALL_PORTS: PortRange = { first: 1, last: 65535 };

/**
 * VIPs and ports that two services claim. One address with one port may lie inside another service's
 * range, for the exact one wins: the engines look it up first (nft-layout.md, "Dispatch").
 *
 * Time is n log n, whatever the number of services. Of claims that overlap many others, each is named
 * with at least one of them.
 */
export function overlapsBetween(file: DraftFile): Problem[] {
  const claims = (file.service ?? []).flatMap((service, index) =>
    service ? claimsOf(service, index) : []
  );
  const pairs = [...exactPairs(claims.filter(isExact)), ...rangePairs(claims.filter(isRange))];
  return problemsOf(pairs, file);
}

/** VIPs or ports that one service names twice. */
export function overlapsWithin(service: DraftService, path: Path): Problem[] {
  const ports = Array.isArray(service.ports) ? service.ports : [];
  return [
    ...portClashes(ports).map(([index, other]) => clash([...path, "ports"], index, other)),
    ...vipClashes(service.vip ?? []).map(([index, other]) => clash([...path, "vip"], index, other)),
  ];
}

function clash(path: Path, index: number, other: number): Problem {
  return valueError([...path, index], "overlaps with another entry of this list", {
    other: [...path, other],
  });
}

type Indexed<Item> = readonly [item: Item, index: number];

function present<Item>(list: readonly (Item | undefined)[]): Indexed<Item>[] {
  return list.flatMap((item, index): Indexed<Item>[] => item === undefined ? [] : [[item, index]]);
}

/** Positions that clash, the later one first. */
function portClashes(ports: readonly (PortRange | undefined)[]): (readonly [number, number])[] {
  const sorted = present(ports).sort(([a], [b]) => a.first - b.first);
  return sweep(sorted, (holder, next) => next.first <= holder.last, (range) => range.last);
}

function vipClashes(vips: readonly (Prefix | undefined)[]): (readonly [number, number])[] {
  if (vips.length < 2) return [];
  const list = present(vips);
  const texts = new Set(list.map(([{ text }]) => text));
  // Whole addresses are equal or apart, and by far the usual case.
  if (texts.size === list.length && list.every(([vip]) => isSingle(vip))) return [];
  const bits = new Map(list.map(([vip]) => [vip, `${vip.family} ${bitsOf(vip)}`]));
  const bitsFirst = ([a]: Indexed<Prefix>, [b]: Indexed<Prefix>) =>
    compare(bits.get(a) ?? "", bits.get(b) ?? "");
  // A prefix sorts directly before all that it contains, and either contains the next one or is done.
  return sweep(list.sort(bitsFirst), contains, () => 0);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Compares each with the one before it that reaches farthest. */
function sweep<Item>(
  sorted: readonly Indexed<Item>[],
  clashes: (holder: Item, next: Item) => boolean,
  reach: (item: Item) => number,
): (readonly [number, number])[] {
  const found: (readonly [number, number])[] = [];
  let holder: Indexed<Item> | undefined;
  for (const next of sorted) {
    const clashing = holder !== undefined && clashes(holder[0], next[0]);
    if (holder && clashing) {
      found.push([Math.max(holder[1], next[1]), Math.min(holder[1], next[1])]);
    }
    if (!holder || !clashing || reach(next[0]) > reach(holder[0])) holder = next;
  }
  return found;
}

/** What a service claims, without what it names twice: that is reported already. */
function claimsOf(service: DraftService, index: number): Claim[] {
  if (!service.ports || isUnreadable(service, "protocol")) return [];
  const protocol = service.protocol ?? "tcp";
  const ports = service.ports === "all" ? [ALL_PORTS] : without(service.ports, portClashes);
  const vips = present(service.vip ?? []);
  const twice = new Set(vipClashes(service.vip ?? []).map(([later]) => later));
  return vips.filter(([, vip]) => !twice.has(vip)).flatMap(([prefix, vip]) =>
    ports.map((range) => ({ service: index, vip, prefix, protocol, ports: range }))
  );
}

function without<Item>(
  list: readonly (Item | undefined)[],
  clashes: (list: readonly (Item | undefined)[]) => (readonly [number, number])[],
): Item[] {
  const twice = new Set(clashes(list).map(([later]) => later));
  return present(list).filter(([, index]) => !twice.has(index)).map(([item]) => item);
}

function isExact({ prefix, ports }: Claim): boolean {
  return isSingle(prefix) && ports.first === ports.last;
}

function isRange(claim: Claim): boolean {
  return !isExact(claim);
}

type Pair = readonly [Claim, Claim];

function exactPairs(claims: readonly Claim[]): Pair[] {
  const owners = new Map<string, Claim>();
  return claims.flatMap((claim): Pair[] => {
    const key = `${claim.protocol} ${claim.prefix.text} ${claim.ports.first}`;
    const owner = owners.get(key);
    if (!owner) owners.set(key, claim);
    return owner ? [[owner, claim]] : [];
  });
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
        .flatMap((parent) => parent ? pairsWithParent(claim, parent) : [])
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

function pairsOnShelf({ claims, farthest }: Shelf): Pair[] {
  return claims.flatMap((claim, index): Pair[] => {
    const before = farthest[index - 1];
    return before && before.ports.last >= claim.ports.first ? [[before, claim]] : [];
  });
}

function pairsWithParent(claim: Claim, parent: Shelf): Pair[] {
  const candidate = parent.farthest[countUpTo(parent.claims, claim.ports.last) - 1];
  return candidate && candidate.ports.last >= claim.ports.first ? [[candidate, claim]] : [];
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

function bitsOf(prefix: Prefix): string {
  const bytes = addressBytes(prefix);
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.slice(0, prefix.length);
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
