import type { Line, Look } from "./line.ts";

/** What a terminal can show. */
export interface Palette {
  /** NO_COLOR is not set (no-color.org). */
  readonly colour: boolean;
  /** The locale is UTF-8. */
  readonly unicode: boolean;
}

/**
 * SGR codes. The terminal's own foreground and background stay: what is set apart is bold, faint or inverse, and the
 * three colours are those that can be read on black and on white (yellow cannot).
 */
const CODES: Readonly<Record<Look, string>> = {
  plain: "",
  strong: "1",
  faint: "2",
  good: "32",
  odd: "35",
  bad: "1;31",
  chosen: "7",
};

const COLOURLESS: Readonly<Record<Look, string>> = { ...CODES, good: "", odd: "1", bad: "1" };

/** Of the same width each. */
const ASCII: Readonly<Record<string, string>> = {
  ...{ "›": ">", "●": "o", "✗": "x", "↓": "v", "↑": "^", "■": "#", "○": "-", "·": "." },
  ...{ "▁": "_", "▂": ".", "▃": ",", "▄": "-", "▅": "=", "▆": "+", "▇": "*", "█": "#" },
  ...{ "─": "-", "…": "~", "–": "-", "→": ">" },
};

/** A line as bytes for the terminal mean it. Nothing that came from elsewhere can steer the terminal. Pure. */
export function painted(line: Line, { colour, unicode }: Palette): string {
  const codes = colour ? CODES : COLOURLESS;
  return line.map(({ text, look = "plain" }) => {
    const harmless = text.replaceAll(/\p{Control}/gu, "?");
    const shown = unicode ? harmless : inAscii(harmless);
    return codes[look] === "" ? shown : `\x1b[${codes[look]}m${shown}\x1b[0m`;
  }).join("");
}

function inAscii(text: string): string {
  return text.replaceAll(/[^ -~]/gu, (character) => ASCII[character] ?? "?");
}

/** By the locale of the environment (locale(7)): the first of these that is set counts. Pure. */
export function isUnicode(env: { readonly get: (name: string) => string | undefined }): boolean {
  const locale = env.get("LC_ALL") || env.get("LC_CTYPE") || env.get("LANG") || "";
  return /utf-?8/i.test(locale);
}
