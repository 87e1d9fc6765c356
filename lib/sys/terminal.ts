import type { TerminalPort } from "./ports.ts";

/** Output at once, colours as they were, the usual screen, a cursor (xterm's private modes 2026, 1049 and 25). */
const USUAL = "\x1b[?2026l\x1b[0m\x1b[?1049l\x1b[?25h";

/** Where a terminal does not tell its size. */
const SIZE = { columns: 80, rows: 24 };

/** The terminal of this process: standard input and output are one. */
export const terminal: TerminalPort = {
  size() {
    try {
      const { columns, rows } = Deno.consoleSize();
      return columns > 0 && rows > 0 ? { columns, rows } : SIZE;
    } catch {
      return SIZE;
    }
  },
  onResize(work) {
    Deno.addSignalListener("SIGWINCH", work);
    return () => Deno.removeSignalListener("SIGWINCH", work);
  },
  restore() {
    orGone(() => Deno.stdin.setRaw(false));
    orGone(() => Deno.stdout.writeSync(new TextEncoder().encode(USUAL)));
  },
};

/** A terminal that is not there any more needs nothing. */
function orGone(work: () => unknown): void {
  try {
    work();
  } catch {
    return;
  }
}
