import { InvalidArgumentError } from "@commander-js/extra-typings";
import type { Address } from "../../lib/model/address.ts";
import { parseEnd } from "../../lib/model/flow.ts";

/** A backend as an operator names it. */
export interface Endpoint {
  readonly address: Address;
  readonly port?: number;
}

/** A backend and the weight it is to have. */
export interface WeightedEndpoint extends Endpoint {
  readonly weight?: number;
}

const WEIGHT_MAX = 65_535;
const PORT_MAX = 65_535;

/** `ADDR`, `ADDR:PORT`, `[V6]:PORT` or `[V6]`. @throws {InvalidArgumentError} */
export function parseEndpoint(text: string): Endpoint {
  const end = parseEnd(text);
  if (end) return end;
  const [, address = "", port = ""] = /^(.+):(\d+)$/.exec(text) ?? [];
  if (parseEnd(address)) parseNumber(port, 1, PORT_MAX, "a port");
  throw new InvalidArgumentError(
    "write ADDR, ADDR:PORT or [V6]:PORT, for instance 198.51.100.11.",
  );
}

/** The same with `=WEIGHT` behind it, or without. @throws {InvalidArgumentError} */
export function parseWeightedEndpoint(text: string): WeightedEndpoint {
  const at = text.lastIndexOf("=");
  if (at < 0) return parseEndpoint(text);
  const weight = parseNumber(text.slice(at + 1), 0, WEIGHT_MAX, "a weight");
  return { ...parseEndpoint(text.slice(0, at)), weight };
}

/** For an option that may be given several times. */
export function collect<T>(parse: (text: string) => T) {
  return (text: string, earlier: readonly T[]): readonly T[] => [...earlier, parse(text)];
}

function parseNumber(text: string, min: number, max: number, what: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new InvalidArgumentError(`${what} is a whole number from ${min} to ${max}, not "${text}".`);
}
