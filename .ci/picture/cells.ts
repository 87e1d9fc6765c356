/** How a cell of a terminal looks; undefined is the terminal's own. */
export interface Look {
  /** `#rrggbb`. */
  readonly colour?: string;
  readonly background?: string;
  readonly isBold?: boolean;
  readonly isDim?: boolean;
  /** Colour and background have changed places. */
  readonly isReverse?: boolean;
}

/** Signs that look alike and follow each other. */
export interface Run {
  /** Of its first sign, from 0. */
  readonly column: number;
  readonly text: string;
  readonly look: Look;
}

/** The 16 colours that a terminal gives names to: legible on a dark ground. */
const NAMED: readonly string[] = [
  ...["#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4"],
  ...["#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#f0f6fc"],
];

/** Of the 6 × 6 × 6 cube, as xterm has them. */
const CUBE = [0, 95, 135, 175, 215, 255];

/** Only these sequences are in what `tmux capture-pane -e` prints: "select graphic rendition", ECMA-48 8.3.117. */
const SGR = /\p{Cc}\[([\d;]*)m/gu;

/** The runs of each line of what a terminal showed, as `tmux capture-pane -e -p` prints it. Pure. */
export function runsOf(captured: string): Run[][] {
  let look: Look = {};
  return captured.replace(/\n$/, "").split("\n").map((line) => {
    const runs: Run[] = [];
    let column = 0;
    let at = 0;
    const put = (text: string) => {
      if (text === "") return;
      runs.push({ column, text, look });
      column += [...text].length;
    };
    for (const { index, 0: sequence, 1: codes = "" } of line.matchAll(SGR)) {
      put(line.slice(at, index));
      at = index + sequence.length;
      look = withCodes(look, codes.split(";").map(Number));
    }
    put(line.slice(at));
    return runs;
  });
}

function withCodes(before: Look, codes: readonly number[]): Look {
  let look = before;
  const left = [...codes];
  for (let code = left.shift(); code !== undefined; code = left.shift()) {
    look = withCode(look, code, left);
  }
  return look;
}

/** @param left codes behind it, of which it may take some */
function withCode(look: Look, code: number, left: number[]): Look {
  if (code === 0) return {};
  if (code === 1) return { ...look, isBold: true };
  if (code === 2) return { ...look, isDim: true };
  if (code === 7) return { ...look, isReverse: true };
  if (code === 22) return { ...look, isBold: false, isDim: false };
  if (code === 27) return { ...look, isReverse: false };
  if (code === 38) return { ...look, colour: longColour(left) };
  if (code === 48) return { ...look, background: longColour(left) };
  if (code === 39) return { ...look, colour: undefined };
  if (code === 49) return { ...look, background: undefined };
  const colour = named(code % 10, code >= 90);
  const isGround = code >= 40 && code < 48 || code >= 100 && code < 108;
  const isColour = code >= 30 && code < 38 || code >= 90 && code < 98;
  if (isGround) return { ...look, background: colour };
  return isColour ? { ...look, colour } : look;
}

function named(index: number, isBright: boolean): string | undefined {
  return NAMED[index + (isBright ? 8 : 0)];
}

/** `5;N` of 256 colours, or `2;R;G;B`. */
function longColour(left: number[]): string | undefined {
  if (left.shift() === 2) return hex(left.splice(0, 3));
  const index = left.shift() ?? 0;
  if (index < 16) return NAMED[index];
  if (index >= 232) return hex([0, 0, 0].map(() => 8 + (index - 232) * 10));
  const at = index - 16;
  return hex([Math.floor(at / 36), Math.floor(at / 6) % 6, at % 6].map((step) => CUBE[step] ?? 0));
}

function hex(parts: readonly number[]): string {
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
