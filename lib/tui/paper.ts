import process from "node:process";
import { Writable } from "node:stream";
import { Box, type Instance, render, Text, useInput } from "ink";
import { createElement, memo } from "react";
import type { TerminalPort } from "../sys/ports.ts";
import { keysOf } from "./key.ts";

/** Those that holdSignals (lib/sys/signals.ts) makes wait. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A terminal that is filled from one edge to the other, line by line. */
export interface Paper {
  /** @param lines as many as the terminal has rows; only what has changed is written */
  show(lines: readonly string[]): void;
  /** Whether something of what was shown has not come to the terminal. */
  readonly isTorn: boolean;
  /** All of it, from where the cursor is: its first row. */
  redraw(lines: readonly string[]): void;
  /** Draws no more, and hears of no more keys. */
  close(): Promise<void>;
}

/** What ink writes to: Node's stdout waits for a terminal for as long as that takes nothing. */
class Sheet extends Writable {
  readonly isTTY = true;
  isTorn = false;
  readonly #terminal: TerminalPort;

  constructor(terminal: TerminalPort) {
    super({ decodeStrings: false });
    this.#terminal = terminal;
  }

  get columns(): number {
    return this.#terminal.size().columns;
  }

  get rows(): number {
    return this.#terminal.size().rows;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    if (!this.#terminal.write(text)) this.isTorn = true;
    done();
  }
}

/** What is drawn, and who hears of keys. */
interface PageProps {
  readonly lines: readonly string[];
  readonly onKey: (key: string) => void;
}

/** Drawn again only where its text is another one. */
const Row = memo(function Row({ text }: { readonly text: string }) {
  return createElement(Text, { wrap: "truncate" }, text === "" ? " " : text);
});

function Page({ lines, onKey }: PageProps) {
  useInput((input, key) => keysOf(input, key).forEach(onKey));
  const rows = lines.map((text, index) => createElement(Row, { key: index, text }));
  return createElement(Box, { flexDirection: "column" }, ...rows);
}

/**
 * Draws on the terminal from where the cursor is, its first row.
 *
 * @param onKey called with the name of each key: a character, `up`, `enter`, `ctrl-c`, …
 * @param onError called where drawing has failed, and nothing is drawn any more
 */
export function openPaper(
  terminal: TerminalPort,
  lines: readonly string[],
  onKey: (key: string) => void,
  onError: (error: unknown) => void,
): Paper {
  const page = (shown: readonly string[]) => createElement(Page, { lines: shown, onKey });
  const stdout = new Sheet(terminal);
  // restore-cursor shows the cursor by this at a signal and at the end, and waits, too. The terminal's leave does it.
  process.stderr.write = () => true;
  const endResizes = terminal.onResize(() => stdout.emit("resize"));
  // signal-exit 3.0.7, of ink's, sends a signal a second time which it thinks is nobody's: Deno's own listeners it does
  // not see. The second one would end lb in the middle of what it brings to its end.
  for (const signal of SIGNALS) process.on(signal, somebodyHears);
  const ink: Instance = render(page(lines), {
    stdout,
    // The terminal is ours already, with the same lines on it: they are drawn over, and nothing flickers.
    alternateScreen: false,
    incrementalRendering: true,
    interactive: true,
    exitOnCtrlC: false,
    patchConsole: false,
    isScreenReaderEnabled: false,
  });
  const ended = ink.waitUntilExit().then(() => {}, onError);
  return {
    show: (shown) => ink.rerender(page(shown)),
    get isTorn() {
      return stdout.isTorn;
    },
    redraw(shown) {
      stdout.isTorn = false;
      ink.clear();
      ink.rerender(page(shown));
    },
    async close() {
      endResizes();
      ink.unmount();
      await ended;
      for (const signal of SIGNALS) process.off(signal, somebodyHears);
    },
  };
}

function somebodyHears(): void {}
