/** Three digits, the ones that mean something. Pure. */
export function figure(value: number): string {
  if (Math.abs(value) >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
