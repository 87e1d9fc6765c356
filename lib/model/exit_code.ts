/** Of a program that was killed for its time: the code of timeout(1). */
export const CODE_TIMED_OUT = 124;

/**
 * How a program ended that did not succeed, in words. Pure.
 *
 * @param code as a shell has it: 128 and the number of the signal that ended it
 * @param timeout_ms after which it was killed
 */
export function endInWords(code: number, timeout_ms: number): string {
  if (code === CODE_TIMED_OUT) return `no end within ${Number((timeout_ms / 1000).toFixed(1))} s`;
  return code > 128 ? `ended by signal ${code - 128}` : `exit code ${code}`;
}
