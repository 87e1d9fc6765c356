import type { Family } from "../../../model/address.ts";
import type { PlacedService } from "../../../model/state.ts";

/** What is in an interface's name and may not be in a chain's. No interface's name has a slash. */
const ESCAPED = /[^A-Za-z0-9_.-]/gu;

/** The base chain at one interface. */
export function entranceName(interfaceName: string): string {
  const escape = (character: string) => `/${character.codePointAt(0)!.toString(16)}`;
  return `in-${interfaceName.replace(ESCAPED, escape)}`;
}

/** Where ICMP errors about packets of a service arrive. */
export function errorChainName({ name }: Pick<PlacedService, "name">, family: Family): string {
  return `e-${name}${family}`;
}
