import type { Key } from "ink";

/** Ink's names of keys, and ours. */
const NAMES: readonly (readonly [keyof Key, string])[] = [
  ["upArrow", "up"],
  ["downArrow", "down"],
  ["leftArrow", "left"],
  ["rightArrow", "right"],
  ["pageUp", "pageup"],
  ["pageDown", "pagedown"],
  ["home", "home"],
  ["end", "end"],
  ["return", "enter"],
  ["escape", "escape"],
  ["backspace", "backspace"],
  ["delete", "backspace"],
];

/** The keys that ink tells of at once: what is pasted comes as one text. Pure. */
export function keysOf(input: string, key: Key): string[] {
  const named = NAMES.find(([name]) => key[name])?.[1];
  if (named) return [named];
  if (key.ctrl) return input === "c" || input === "l" ? [`ctrl-${input}`] : [];
  if (key.tab) return [];
  // A terminal has the same bytes for Alt and for esc with a key right behind it, and nothing here takes Alt.
  return [...key.meta ? ["escape"] : [], ...input].map((each) =>
    each === "\r" || each === "\n" ? "enter" : each
  )
    .filter((each) => !/\p{Control}/u.test(each));
}
