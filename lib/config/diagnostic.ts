import { LbError } from "../model/error.ts";

/** A stretch of one line of a file. Line and column count from 1, in UTF-16 units as editors do. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly length: number;
  readonly source_line: string;
}

/** One thing wrong, or doubtful, with the config, and where. */
export interface Diagnostic extends Place {
  readonly severity: "error" | "warning";
  readonly file: string;
  readonly message: string;
  /** What to do, in one line: "did you mean `scheduler`?". */
  readonly hint?: string;
}

/** The config is refused. Holds every problem there is, warnings included; nothing was changed. */
export class ConfigError extends LbError {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: readonly Diagnostic[]) {
    super("config-invalid", formatDiagnostics(diagnostics, false));
    this.diagnostics = diagnostics;
  }
}

const INDENT = "    ";

/** Characters shown of a line, which may have a million. */
const LINE_MAX = 160;

const COLOURS = { error: "31", warning: "33", bold: "1", hint: "36" } as const;

/**
 * Diagnostics as text for people, sorted by place: `FILE:LINE:COL: error: message`, then the source
 * line, a line that marks the place, and the hint.
 *
 * @param colour whether to use ANSI colours
 */
export function formatDiagnostics(diagnostics: readonly Diagnostic[], colour: boolean): string {
  const paint = colour ? paintAnsi : (text: string) => text;
  return [...diagnostics].sort(byPlace).map((one) => formatOne(one, paint)).join("\n");
}

/** Order of places: by file, line, column. */
export function byPlace(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

type Paint = (text: string, colour: keyof typeof COLOURS) => string;

function paintAnsi(text: string, colour: keyof typeof COLOURS): string {
  return `\x1b[${COLOURS[colour]}m${text}\x1b[0m`;
}

function formatOne(one: Diagnostic, paint: Paint): string {
  const place = paint(`${one.file}:${one.line}:${one.column}:`, "bold");
  const { text, at, length } = excerpt(one);
  const lines = [
    `${place} ${paint(`${one.severity}:`, one.severity)} ${one.message}`,
    `${INDENT}${text}`,
    // Tabs stay tabs, or the marker would stand elsewhere than what it marks.
    `${INDENT}${text.slice(0, at).replaceAll(/[^\t]/g, " ")}` +
    paint("^".repeat(length), one.severity),
  ];
  if (one.hint) lines.push(`${INDENT}${paint(one.hint, "hint")}`);
  return lines.join("\n");
}

/** The source line as a terminal may have it, no longer than it can show, and what to mark in it. */
function excerpt({ source_line, column, length }: Diagnostic) {
  const start = source_line.length <= LINE_MAX ? 0 : Math.max(0, column - 1 - LINE_MAX / 2);
  const part = source_line.slice(start, start + LINE_MAX);
  const [head, tail] = [start > 0 ? "…" : "", start + LINE_MAX < source_line.length ? "…" : ""];
  const at = head.length + column - 1 - start;
  const room = head.length + part.length - at;
  return {
    text: head + part.replaceAll(/[^\t\P{Cc}]/gu, pictureOf) + tail,
    at,
    length: Math.max(1, Math.min(length, room)),
  };
}

/** A sign for a control character, as wide as its place (Unicode's "Control Pictures"). */
function pictureOf(control: string): string {
  const code = control.charCodeAt(0);
  return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? "\u2421" : "\ufffd";
}
