/** When something was, for people: in UTC, to the second, as in `2026-11-20T11:03:21Z`. @param at_ms since 1970 */
export function shortTime(at_ms: number): string {
  return new Date(at_ms).toISOString().replace(/\.\d+Z$/, "Z");
}
