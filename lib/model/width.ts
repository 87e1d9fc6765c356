import stringWidth from "fast-string-width";

/** What a terminal makes of a text: how wide it is, and how it is made narrower. */

const PRINTABLE_ASCII = /^[ -~]*$/;

/** Columns that a text takes on a terminal; colours take none. Nearly all texts are plain. */
export function textWidth(text: string): number {
  return PRINTABLE_ASCII.test(text) ? text.length : stringWidth(text);
}

/** Where a terminal is told of colours, as `painter` does it. */
const STYLED = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)`);

/** The beginning of a text in so many columns at most, with "…" for what is left out; colours go on to their end. */
export function cut(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let left = columns - 1;
  let isCut = false;
  const pieces = text.split(STYLED).map((piece, at) => {
    // Every other piece is a style.
    if (at % 2 === 1) return piece;
    let kept = "";
    for (const char of isCut ? "" : piece) {
      left -= textWidth(char);
      isCut = left < 0;
      if (isCut) return `${kept}…`;
      kept += char;
    }
    return kept;
  });
  return columns < 1 ? "" : pieces.join("");
}

/**
 * Words in lines of so many columns at most. What is wider than a line goes on in the next one.
 *
 * @param indent of all lines but the first, beside what the text itself begins with
 */
export function wrapped(text: string, columns: number, indent = ""): string[] {
  if (textWidth(text) <= columns) return [text];
  const [, margin = "", words = ""] = /^( *)(.*)$/s.exec(text) ?? [];
  const lines: string[] = [];
  let line = margin;
  for (const { gap, piece } of piecesOf(words, columns - margin.length - indent.length)) {
    const next = line + gap + piece;
    if (textWidth(next) <= columns) line = next;
    else {
      lines.push(line.trimEnd());
      line = margin + indent + piece;
    }
  }
  return [...lines, line];
}

/** What a line can begin with, and what stands before it where it does not. */
function piecesOf(words: string, columns: number): { gap: string; piece: string }[] {
  return words.split(" ").flatMap((word, index) =>
    chunks(word, Math.max(1, columns)).map((piece, at) => ({
      gap: index > 0 && at === 0 ? " " : "",
      piece,
    }))
  );
}

function chunks(word: string, columns: number): string[] {
  if (textWidth(word) <= columns) return [word];
  const found = [""];
  for (const char of word) {
    if (textWidth(found.at(-1)! + char) > columns) found.push("");
    found[found.length - 1] += char;
  }
  return found;
}
