import { addressBytes, contains, formatPrefix, isSingle, type Prefix } from "../model/address.ts";
import { formatPorts, type PortRange } from "../model/service.ts";
import type { Inspection } from "./inspection.ts";
import { type Path, type Problem, valueError } from "./problem.ts";

/** VIPs or ports that one service names twice. */
export function checkOverlapsWithin({ service, path, problems }: Inspection): void {
  const ports = Array.isArray(service.ports) ? service.ports : [];
  const vips = service.vip ?? [];
  if (ports.length < 2 && vips.length < 2) return;
  const portOf = (range: PortRange) => formatPorts([range])[0];
  noteClashes(portClashes(ports), ports, [...path, "ports"], portOf, problems);
  noteClashes(vipClashes(vips), vips, [...path, "vip"], formatPrefix, problems);
}

function noteClashes<Item>(
  pairs: readonly (readonly [number, number])[],
  list: readonly (Item | undefined)[],
  path: Path,
  format: (item: Item) => string | undefined,
  problems: Problem[],
): void {
  for (const [index, first] of new Map(pairs)) {
    const other = list[first];
    if (other === undefined) continue;
    problems.push(valueError([...path, index], `overlaps with ${format(other)} in the same list`));
  }
}

/** An item and its place in a list. */
export type Indexed<Item> = readonly [item: Item, index: number];

/** What could be read of a list, with the places in the list. */
export function present<Item>(list: readonly (Item | undefined)[]): Indexed<Item>[] {
  return list.flatMap((item, index): Indexed<Item>[] => item === undefined ? [] : [[item, index]]);
}

/** Places in a list of ports that overlap, the later one first. */
export function portClashes(
  ports: readonly (PortRange | undefined)[],
): (readonly [number, number])[] {
  if (ports.length < 2) return [];
  const sorted = present(ports).sort(([a], [b]) => a.first - b.first);
  return sweep(sorted, (holder, next) => next.first <= holder.last, (range) => range.last);
}

/** Places in a list of VIPs that overlap, the later one first. */
export function vipClashes(vips: readonly (Prefix | undefined)[]): (readonly [number, number])[] {
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

/** The bits of a prefix, as text: what one prefix contains begins with its bits. */
export function bitsOf(prefix: Prefix): string {
  const bytes = addressBytes(prefix);
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
  return bits.slice(0, prefix.length);
}
