const ESCAPED_IN_DOUBLE_QUOTES = /["\\$`\n]/;

/**
 * The words of a line as bash would read it, the last one as far as it is typed; without running or
 * expanding anything: `$(reboot)` stays a word.
 */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < line.length; at++) {
    const char = line[at]!;
    if (quote !== "" && char === quote) quote = "";
    else if (char === "\\" && isEscape(line, at, quote)) word = (word ?? "") + (line[++at] ?? "");
    else if (quote === "" && (char === "'" || char === '"')) {
      quote = char;
      word ??= "";
    } else if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + char;
  }
  return [...words, word ?? ""];
}

function isEscape(line: string, at: number, quote: string): boolean {
  if (quote === "") return true;
  return quote === '"' && ESCAPED_IN_DOUBLE_QUOTES.test(line[at + 1] ?? "");
}
