const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Longest duration that is taken: a year. Longer ones are slips, and overflow timers. */
export const DURATION_MS_MAX = 365 * 24 * 3_600_000;

/**
 * Milliseconds of `"500ms"`, `"5s"`, `"2m"` or `"1h"`.
 *
 * @returns undefined where the text is not a whole number with a unit, or over {@linkcode DURATION_MS_MAX}
 */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,15})(ms|s|m|h)$/.exec(text) ?? [];
  const scale = UNITS_MS[unit];
  if (digits === undefined || scale === undefined) return undefined;
  const duration_ms = Number(digits) * scale;
  return duration_ms <= DURATION_MS_MAX ? duration_ms : undefined;
}
