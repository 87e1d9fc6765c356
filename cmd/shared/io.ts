import { ConfigError, formatDiagnostics } from "../../lib/config/diagnostic.ts";
import { EXIT_ATTENTION, EXIT_CODES, EXIT_OK, LbError } from "../../lib/model/error.ts";
import { plural } from "../../lib/model/plural.ts";
import { type Paint, painter } from "../../lib/report/table.ts";

/** stdout carries the answer; everything said beside it goes to stderr. */
export function print(text: string): void {
  offer(text);
}

/** The same. @returns whether somebody took it: whoever prints again and again ends where nobody does */
export function offer(text: string): boolean {
  const trouble = writeAll(Deno.stdout, text + "\n");
  // Who has gone has read what was wanted (`lb history | head`); who is there still has not got it.
  if (trouble && !(trouble instanceof Deno.errors.BrokenPipe)) {
    isAnswerLost = true;
    say(`lb: the answer could not be written to stdout: ${trouble.message}`);
  }
  return trouble === undefined;
}

let isAnswerLost = false;

/** The exit code of a command whose answer may be lost: what was to be done is done, but nobody can read of it. */
export function withAnswer(exitCode: number): number {
  return isAnswerLost && exitCode === EXIT_OK ? EXIT_ATTENTION : exitCode;
}

/** A line for people, on stderr. */
export function say(text: string): void {
  if (listener) listener(text);
  else writeAll(Deno.stderr, text + "\n");
}

let listener: ((text: string) => void) | undefined;

/**
 * What is said goes to whoever fills the screen, in place of stderr, which is the same screen.
 *
 * @returns ends it
 */
export function hearSaid(onText: (text: string) => void): () => void {
  listener = onText;
  return () => listener = undefined;
}

/** One JSON document on stdout. */
export function printJson(document: unknown): void {
  print(JSON.stringify(document, undefined, 2));
}

/** Colours for stdout: on a terminal only, and not where NO_COLOR is set (no-color.org). */
export function stdoutPaint(): Paint {
  return painter(Deno.stdout.isTerminal() && wantsColour());
}

/** Colours for stderr, where they are wanted. */
export function stderrPaint(): Paint {
  return painter(Deno.stderr.isTerminal() && wantsColour());
}

/**
 * Says what went wrong, and returns the exit code. Bad input is never a stack trace; a bug in lb is.
 *
 * @param json whether stdout must carry a JSON document whatever happens
 */
export function fail(error: unknown, json: boolean): number {
  const known = error instanceof LbError ? error : undefined;
  const code = known?.code ?? "bug";
  if (json) printJson({ error: errorJson(error) });
  say(errorText(error));
  return EXIT_CODES[code];
}

function errorText(error: unknown): string {
  const paint = stderrPaint();
  if (error instanceof ConfigError) {
    const count = error.diagnostics.filter(({ severity }) => severity === "error").length;
    const colour = Deno.stderr.isTerminal() && wantsColour();
    return `${formatDiagnostics(error.diagnostics, colour)}\n` +
      paint(`${plural(count, "error")}; nothing was changed.`, "bold");
  }
  if (error instanceof LbError) return `${paint("lb:", "red")} ${error.message}`;
  const trace = error instanceof Error ? error.stack ?? error.message : String(error);
  return `lb: this is a bug in lb; please report it with the lines below.\n${trace}`;
}

function errorJson(error: unknown) {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof LbError ? error.code : "bug";
  if (!(error instanceof ConfigError)) return { code, message };
  const problems = error.diagnostics.map(({ severity, file, line, column, message, hint }) => ({
    severity,
    file,
    line,
    column,
    message,
    hint: hint ?? null,
  }));
  return { code, message: "the config is not valid; nothing was changed", problems };
}

/** Colours are not unwanted (no-color.org). */
export function wantsColour(): boolean {
  return !Deno.env.get("NO_COLOR");
}

/** How long a reader that does not read is waited for. */
const FULL_PIPE_MS_MAX = 5_000;
const FULL_PIPE_PAUSE_MS = 20;

/** A pipe takes so much wholly or not at all (PIPE_BUF, pipe(7)). */
const PIECE_BYTES_MAX = 4_096;
const NEWLINE = "\n".charCodeAt(0);

/** @returns what keeps the rest of it from being written: that is lost */
function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  text: string,
): Error | undefined {
  const bytes = new TextEncoder().encode(text);
  let deadline_ms = performance.now() + FULL_PIPE_MS_MAX;
  for (let at = 0; at < bytes.length;) {
    try {
      at += stream.writeSync(pieceOf(bytes, at));
      deadline_ms = performance.now() + FULL_PIPE_MS_MAX;
    } catch (error) {
      // A pipe that does not block and is full; any other error (the reader has gone, the disk is full)
      // does not go away.
      if (!(error instanceof Deno.errors.WouldBlock) || performance.now() > deadline_ms) {
        return error as Error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
  return undefined;
}

/**
 * As much as is taken at once. Stdout keeps what comes after the last line's end, and where that is refused nobody
 * knows how much was taken before it: so a piece ends where a line does.
 */
function pieceOf(bytes: Uint8Array, at: number): Uint8Array {
  const piece = bytes.subarray(at, at + PIECE_BYTES_MAX);
  const lines = piece.lastIndexOf(NEWLINE) + 1;
  return lines > 0 ? piece.subarray(0, lines) : piece;
}
