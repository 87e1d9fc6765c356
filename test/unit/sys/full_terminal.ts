/** Test equipment: fills a screen on a stdout that does not block, and has less room than that. */
import { libc } from "../../../lib/sys/ffi.ts";
import { terminal } from "../../../lib/sys/terminal.ts";

/** fcntl(2), asm-generic/fcntl.h. */
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** More than the 64 kB that a pipe has. */
export const LINES: readonly string[] = Array.from(
  { length: 2_000 },
  (_, line) => `${line} `.padEnd(200, "─"),
);

if (import.meta.main) {
  libc().fcntl(1, F_SETFL, O_NONBLOCK);
  terminal.fill(LINES);
  // Whoever has waited once in vain does not do it for every frame.
  terminal.fill(LINES);
}
