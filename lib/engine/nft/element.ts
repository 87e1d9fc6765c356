import type { ElementData, ListedElement } from "../../netlink/nft/element.ts";
import type { ListedSet } from "../../netlink/nft/set.ts";
import { isInterval } from "./header.ts";
import {
  before,
  type KeyPart,
  keyText,
  largest,
  partsOfType,
  rangeKeyText,
  rangeText,
} from "./key_type.ts";

/** Puts the elements of one map or set into words: keys and values as lb's scripts spell them. */
export interface ElementReader {
  add(element: ListedElement): void;
  /** What was added, once all of it was. */
  result(): Map<string, string>;
}

/** @returns undefined for a map or set of a kind that lb never makes */
export function elementReader(set: ListedSet): ElementReader | undefined {
  const key = partsOfType(set.key_type, set.key_bytes);
  if (!key) return undefined;
  const data = partsOfType(set.data_type ?? 0, set.data_bytes ?? 0)?.[0];
  const [only] = key;
  return isInterval(set) && key.length === 1
    ? new BoundaryReader(only!, data)
    : new KeyReader(key, data);
}

/** Every element is an entry of its own. */
class KeyReader implements ElementReader {
  readonly #key: readonly KeyPart[];
  readonly #data: KeyPart | undefined;
  readonly #elements = new Map<string, string>();

  constructor(key: readonly KeyPart[], data: KeyPart | undefined) {
    this.#key = key;
    this.#data = data;
  }

  add({ key, key_end, isCatchAll, data }: ListedElement): void {
    const text = isCatchAll
      ? CATCH_ALL
      : key_end
      ? rangeKeyText(this.#key, key, key_end)
      : keyText(this.#key, key);
    this.#elements.set(text, dataText(this.#data, data));
  }

  result(): Map<string, string> {
    return this.#elements;
  }
}

/**
 * Intervals of a single value are kept as boundaries: one element where an interval begins, one behind
 * its end, none behind the last value there is. nft adds an end at the lowest value.
 */
class BoundaryReader implements ElementReader {
  readonly #key: KeyPart;
  readonly #data: KeyPart | undefined;
  readonly #boundaries: ListedElement[] = [];
  #catchAll: ListedElement | undefined;

  constructor(key: KeyPart, data: KeyPart | undefined) {
    this.#key = key;
    this.#data = data;
  }

  add(element: ListedElement): void {
    if (element.isCatchAll) this.#catchAll = element;
    else this.#boundaries.push(element);
  }

  result(): Map<string, string> {
    const elements = new Map<string, string>();
    let start: ListedElement | undefined;
    for (const boundary of this.#boundaries.sort(byKey)) {
      if (start) this.#put(elements, start, before(boundary.key));
      start = boundary.isIntervalEnd ? undefined : boundary;
    }
    if (start) this.#put(elements, start, largest(this.#key.bytes));
    if (this.#catchAll) elements.set(CATCH_ALL, dataText(this.#data, this.#catchAll.data));
    return elements;
  }

  #put(elements: Map<string, string>, { key, data }: ListedElement, last: Uint8Array): void {
    elements.set(rangeText(this.#key, key, last), dataText(this.#data, data));
  }
}

const CATCH_ALL = "*";

/** Where one interval ends and another begins, the end comes first. */
function byKey(a: ListedElement, b: ListedElement): number {
  for (let at = 0; at < a.key.length; at++) {
    const difference = a.key[at]! - b.key[at]!;
    if (difference !== 0) return difference;
  }
  return Number(b.isIntervalEnd) - Number(a.isIntervalEnd);
}

/** What a key leads to, as lb's scripts spell it. @param part undefined of verdicts */
export function dataText(part: KeyPart | undefined, data: ElementData | undefined): string {
  if (data === undefined) return "";
  if (!(data instanceof Uint8Array)) {
    return data.chain === undefined ? data.verdict : `${data.verdict} ${data.chain}`;
  }
  return part ? part.text(data) : data.join(" ");
}
