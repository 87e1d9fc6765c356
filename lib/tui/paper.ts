import { Box, type Instance, render, Text, useInput } from "ink";
import { createElement, memo } from "react";
import { keysOf } from "./key.ts";

/** A terminal that is filled from one edge to the other, line by line. */
export interface Paper {
  /** @param lines as many as the terminal has rows; only what has changed is written */
  show(lines: readonly string[]): void;
  /** All of it, from where the cursor is: its first row. */
  redraw(lines: readonly string[]): void;
  /** Draws no more, and hears of no more keys. */
  close(): Promise<void>;
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
 * Draws on the terminal of this process from where the cursor is, its first row.
 *
 * @param onKey called with the name of each key: a character, `up`, `enter`, `ctrl-c`, …
 * @param onError called where drawing has failed, and nothing is drawn any more
 */
export function openPaper(
  lines: readonly string[],
  onKey: (key: string) => void,
  onError: (error: unknown) => void,
): Paper {
  const page = (shown: readonly string[]) => createElement(Page, { lines: shown, onKey });
  const ink: Instance = render(page(lines), {
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
    redraw(shown) {
      ink.clear();
      ink.rerender(page(shown));
    },
    async close() {
      ink.unmount();
      await ended;
    },
  };
}
