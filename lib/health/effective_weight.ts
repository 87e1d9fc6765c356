import type { Intent } from "../model/intent.ts";

/** What a configured weight is multiplied by, each from 0 to 1 but for the load. */
export interface Factors {
  /** Whether its checks, and the way to it, allow new connections. @default true */
  readonly isAble?: boolean;
  /** What the operator wants of it: only who is ready gets new connections. @default "ready" */
  readonly intent?: Intent;
  /** How far a backend that has recovered has grown. @default 1 */
  readonly slow_start?: number;
  /** What its connections, response times or processors ask for. @default 1 */
  readonly load?: number;
}

/**
 * The weight a backend has now: the configured one × health × intent × slow start × load. Whoever may have
 * new connections keeps a little of its weight. Pure.
 */
export function effectiveWeight(
  weight: number,
  { isAble = true, intent = "ready", slow_start = 1, load = 1 }: Factors,
): number {
  if (!isAble || intent !== "ready" || weight === 0) return 0;
  const grown = slow_start === 1 ? weight : Math.max(1, Math.round(weight * slow_start));
  return load === 1 ? grown : rounded(grown * load);
}

/** Three digits tell each step from the next, and are the same number again when read from a text. */
function rounded(weight: number): number {
  return Number(weight.toPrecision(3));
}
