/** Joiners and marks of direction: terminals do not agree how wide they make a text, and they can turn it around. */
const INVISIBLE = /[\p{Cf}\p{Zl}\p{Zp}]/gu;

/** What somebody else wrote, fit for one line of a terminal. */
export function tame(text: string, length_max = 80): string {
  const line = text.trim().split(/[\r\n]/, 1)[0]!
    .replaceAll(/[^\x20-\x7e\xa0-\uffff]/g, "?").replaceAll(INVISIBLE, "?");
  return line.length > length_max ? `${line.slice(0, length_max - 1)}…` : line;
}
