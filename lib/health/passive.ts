import type { CheckResult } from "./check/check.ts";

/** What became of the connections to a backend since the last look. */
export interface Traffic {
  /** New connections. */
  readonly opened: number;
  /** Connections on which the client has waited for an answer for more than a second. */
  readonly unanswered: number;
  /** Connections that one of both ends has reset. */
  readonly reset: number;
}

/** Fewer new connections tell nothing: clients give up for reasons of their own, too. */
const OPENED_MIN = 10;

/** Per cent of the new connections that come to nothing. */
const FAILED_PERCENT = 50;

/**
 * Without the resets that are the clients' habit: conntrack does not tell who has reset a connection, but clients
 * do it at every backend of a service alike. Pure.
 *
 * @param others backends of the same service
 */
export function beyondHabit(one: Traffic, others: readonly Traffic[]): Traffic {
  const [least] = leastResetting(others);
  const habit = least ? resetPart(least) : 0;
  return { ...one, reset: Math.max(0, one.reset - Math.ceil(habit * one.opened)) };
}

/**
 * The two of a service with the smallest part of connections that were reset, among those of which something is
 * known: whoever is looked at, one of them is another. Pure.
 */
export function leastResetting<Each extends Traffic>(all: readonly Each[]): readonly Each[] {
  return all.filter(({ opened }) => opened >= OPENED_MIN)
    .sort((one, other) => resetPart(one) - resetPart(other)).slice(0, 2);
}

function resetPart({ opened, reset }: Traffic): number {
  return Math.min(1, reset / opened);
}

/** Why a backend is not well by what became of connections to it; undefined where they do not say so. Pure. */
export function failureOf({ opened, ...failed }: Traffic): string | undefined {
  // Who was not answered before is still waiting, and was counted among the new ones then.
  const unanswered = Math.min(opened, failed.unanswered);
  const reset = Math.min(opened - unanswered, failed.reset);
  if (opened < OPENED_MIN || (unanswered + reset) * 100 < opened * FAILED_PERCENT) return undefined;
  const were = (count: number) => count === 1 ? "was" : "were";
  const whole = `of ${opened} new connections`;
  if (reset === 0) return `${unanswered} ${whole} ${were(unanswered)} not answered`;
  if (unanswered === 0) return `${reset} ${whole} ${were(reset)} reset`;
  return `${unanswered} ${whole} ${were(unanswered)} not answered, ${reset} reset`;
}

/** A check's result, which what became of connections may speak against. Pure. */
export function withTraffic<Result extends CheckResult | undefined>(
  result: Result,
  traffic: Traffic | undefined,
): Result {
  const reason = traffic && result?.ok ? failureOf(traffic) : undefined;
  return reason === undefined ? result : { ...result, ok: false, reason };
}
