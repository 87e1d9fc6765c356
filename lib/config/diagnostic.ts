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
  const lines = [
    `${place} ${paint(`${one.severity}:`, one.severity)} ${one.message}`,
    `${INDENT}${one.source_line}`,
    `${INDENT}${blankOf(one)}${paint(caretsOf(one), one.severity)}`,
  ];
  if (one.hint) lines.push(`${INDENT}${paint(one.hint, "hint")}`);
  return lines.join("\n");
}

/** Tabs stay tabs, or the marker would stand elsewhere than what it marks. */
function blankOf({ source_line, column }: Diagnostic): string {
  return source_line.slice(0, column - 1).replaceAll(/[^\t]/g, " ");
}

function caretsOf({ source_line, column, length }: Diagnostic): string {
  const room = source_line.length - column + 1;
  return "^".repeat(Math.max(1, Math.min(length, room)));
}
