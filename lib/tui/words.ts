const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `42 s`, `3 min`, `2 h`, `5 d`: two digits tell enough. */
export function duration(ms: number): string {
  const span_ms = Math.max(0, ms);
  if (span_ms < 2 * MINUTE_MS) return `${Math.floor(span_ms / SECOND_MS)} s`;
  if (span_ms < 2 * HOUR_MS) return `${Math.floor(span_ms / MINUTE_MS)} min`;
  if (span_ms < 2 * DAY_MS) return `${Math.floor(span_ms / HOUR_MS)} h`;
  return `${Math.floor(span_ms / DAY_MS)} d`;
}

/** A countdown, to the second: `42 s`, `3:07`, `1:02:03`. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / SECOND_MS));
  if (seconds < 100) return `${seconds} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

/** `17`, `9999`, `12.3k`, `1.2M`; `–` where it is not known. */
export function count(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value < 10_000) return `${Math.round(value)}`;
  return scaled(value, 1_000, ["", "k", "M", "G", "T", "P"]);
}

/** The same for what there is in a second: small ones have a digit more. */
export function rate(value: number | undefined): string {
  if (value === undefined) return "–";
  if (value === 0 || value >= 9.95) return count(value);
  return value < 0.05 ? "<0.1" : value.toFixed(1);
}

/** `812 B`, `1.2 MB`; `–` where it is not known. */
export function bytes(value: number | undefined): string {
  if (value === undefined) return "–";
  return scaled(value, 1_000, [" B", " kB", " MB", " GB", " TB", " PB"]);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let step = 0;
  let left = value;
  while (left >= base && step < units.length - 1) {
    left /= base;
    step++;
  }
  const figures = step === 0 || left >= 99.95 ? `${Math.round(left)}` : left.toFixed(1);
  return figures + units[step];
}

/** A part of a whole, in per cent. */
export function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round(part / whole * 100)}%` : "–";
}

/** `09:12:44`, UTC as everything else that lb prints. */
export function clockTime(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(11, 19);
}

/** `11-20 09:12:44`. */
export function dayTime(at_ms: number): string {
  return new Date(at_ms).toISOString().slice(5, 19).replace("T", " ");
}
