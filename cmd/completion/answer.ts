import type { Candidate, Completion } from "./candidates.ts";
import type { Shell } from "./request.ts";

/** bash asks for a list to show, and nothing to put in (COMP_TYPE of bash(1)). */
const LISTING = `${"?".charCodeAt(0)}`;

/** What the cursor is at, in bash's own view. */
export interface BashCursor {
  /** The word being typed, without quotes. */
  readonly typed: string;
  /** The part of it that bash replaces: what stands behind the last of COMP_WORDBREAKS. */
  readonly replaced: string;
  readonly comp_type: string;
}

/**
 * A completion as the shell's function reads it: how it is to be taken, then a line for each word.
 * Control characters cannot become further lines.
 */
export function answer(shell: Shell, completion: Completion, cursor?: BashCursor): string {
  const { kind, candidates, isOpen } = completion;
  const lines = FORMATS[shell](candidates.map(plain), cursor);
  return [kind === "words" && isOpen ? "open" : kind, ...lines].map((line) => `${line}\n`).join("");
}

type Format = (candidates: readonly Candidate[], cursor: BashCursor | undefined) => string[];

const FORMATS: Readonly<Record<Shell, Format>> = {
  bash: forBash,
  // For _describe, which takes what is behind the first colon for the description.
  zsh: (candidates) =>
    candidates.map(({ value, what }) => {
      const escaped = value.replaceAll(/[:\\]/g, "\\$&");
      return what ? `${escaped}:${what}` : escaped;
    }),
  fish: (candidates) => candidates.map(({ value, what }) => what ? `${value}\t${what}` : value),
};

/** bash matches nothing and describes nothing by itself. */
function forBash(candidates: readonly Candidate[], cursor: BashCursor | undefined): string[] {
  const { typed = "", replaced = "", comp_type = "" } = cursor ?? {};
  const cut = typed.endsWith(replaced) ? typed.length - replaced.length : 0;
  const fitting = candidates.filter(({ value }) => value.startsWith(typed))
    .map(({ value, what }) => ({ value: value.slice(cut), what }));
  if (comp_type !== LISTING || fitting.length < 2) return fitting.map(({ value }) => value);
  const width = Math.max(...fitting.map(({ value }) => value.length));
  return fitting.map(({ value, what }) => what ? `${value.padEnd(width)}  (${what})` : value);
}

function plain({ value, what }: Candidate): Candidate {
  const clean = (text: string) => text.replaceAll(/\p{Cc}/gu, " ");
  return what === undefined ? { value: clean(value) } : { value: clean(value), what: clean(what) };
}
