/** Test equipment: a program whose stdout does not block, and prints more than fits into it. */
import { print } from "../../../cmd/shared/io.ts";
import { libc } from "../../../lib/sys/ffi.ts";

/** fcntl(2), asm-generic/fcntl.h. */
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;

/** Lines of all lengths, some of them longer than a pipe takes at once; no two alike. */
export function muchText(): string {
  return Array.from({ length: 500 }, (_, line) => `${line} ${"x".repeat(line % 50 * 100)}`)
    .join("\n");
}

if (import.meta.main) {
  libc().fcntl(1, F_SETFL, O_NONBLOCK);
  print(muchText());
}
