import type { TerminalPort } from "./ports.ts";

/** xterm's private modes: 1049 is the other screen, 25 the cursor, 2026 output that is shown when it is complete. */
const ENTER = "\x1b[?1049h\x1b[?25l\x1b[H";
const LEAVE = "\x1b[?2026l\x1b[0m\x1b[?1049l\x1b[?25h";
const FIRST_ROW = "\x1b[H";
const EMPTY = `${FIRST_ROW}\x1b[J`;

/** Where a terminal does not tell its size. */
const SIZE = { columns: 80, rows: 24 };

let isEntered = false;

/** The terminal of this process. */
export const terminal: TerminalPort = {
  size() {
    try {
      const { columns, rows } = Deno.consoleSize();
      return columns > 0 && rows > 0 ? { columns, rows } : SIZE;
    } catch {
      return SIZE;
    }
  },
  isThere: () => Deno.stdin.isTerminal() && Deno.stdout.isTerminal(),
  onResize(work) {
    Deno.addSignalListener("SIGWINCH", work);
    return () => Deno.removeSignalListener("SIGWINCH", work);
  },
  enter() {
    Deno.stdin.setRaw(true);
    isEntered = true;
    write(ENTER);
  },
  fill(lines) {
    write(EMPTY + lines.join("\r\n") + FIRST_ROW);
  },
  leave() {
    if (!isEntered) return;
    isEntered = false;
    orGone(() => Deno.stdin.setRaw(false));
    write(LEAVE);
  },
};

/** All of it: a signal may come in the middle of a write. */
function write(text: string): void {
  const bytes = new TextEncoder().encode(text);
  orGone(() => {
    for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
  });
}

/** A terminal that is not there any more needs nothing. */
function orGone(work: () => unknown): void {
  try {
    work();
  } catch {
    return;
  }
}
