import { EXIT_ATTENTION, EXIT_OK, LbError } from "../../lib/model/error.ts";
import { writingTo } from "../../lib/model/disk.ts";
import { shortTime } from "../../lib/model/time.ts";
import type { Status } from "../../lib/reconcile/status.ts";
import { context } from "../context.ts";
import { offer, stdoutPaint } from "../shared/io.ts";
import { repeat } from "../shared/repeat.ts";
import { buildForm } from "../shared/version.ts";

/** What one look has found. */
export interface StatusLook {
  readonly status: Status;
  readonly needsAttention: boolean;
}

/** How it is told. */
export interface StatusOutput {
  readonly json: boolean;
  readonly prometheus: boolean;
  /** A file to write to. @default stdout */
  readonly output?: string;
  /** Told again and again, with this pause. */
  readonly watch?: number;
}

/** Whoever collects metrics is another user. */
const READABLE_BY_ALL = 0o644;

/** @returns the exit code: of the last look, or of what kept it from being had */
export async function tellStatus(
  look: () => Promise<StatusLook>,
  options: StatusOutput,
): Promise<number> {
  if (options.json && options.prometheus) {
    throw new LbError("usage", "give either --json or --prometheus");
  }
  const { watch: every_ms } = options;
  if (every_ms === undefined) {
    const found = await look();
    tellOnce(await textOf(found, options), options);
    return exitCodeOf(found);
  }
  let exitCode: number = EXIT_OK;
  const failure = await repeat(every_ms, async () => {
    const found = await look();
    exitCode = exitCodeOf(found);
    return tellOnce(await againOf(found, options), options);
  });
  return failure || exitCode;
}

function exitCodeOf({ needsAttention }: StatusLook): number {
  return needsAttention ? EXIT_ATTENTION : EXIT_OK;
}

/** @returns whether anybody takes it */
function tellOnce(text: string, { output }: StatusOutput): boolean {
  if (output === undefined) return offer(text);
  writingTo(output, "--output", () => {
    needPlain(output);
    context.files.replace(output, `${text}\n`, READABLE_BY_ALL, { follows: false });
  });
  return true;
}

/** A file takes the place of what is there: of /dev/null, too, and of a link that somebody wants to keep. */
function needPlain(output: string): void {
  const found = context.files.stat(output);
  if (!found || found.isFile) return;
  throw new LbError("usage", `--output: ${output} is there and no plain file: name another one`);
}

async function textOf(found: StatusLook, options: StatusOutput): Promise<string> {
  const { status, needsAttention } = found;
  if (options.json) return JSON.stringify(await documentOf(status), undefined, 2);
  if (options.prometheus) {
    const { statusMetrics } = await import("../../lib/report/status_metrics.ts");
    const at_ms = context.clock.now_ms();
    return statusMetrics(status, { build: buildForm(), needsAttention, at_ms }).trimEnd();
  }
  const { statusText } = await import("../../lib/report/status_text.ts");
  if (options.output !== undefined) return statusText(status, (text) => text);
  return statusText(status, stdoutPaint(), terminalWidth());
}

/** One of many looks: JSON on a line of its own, tables with when they were. */
async function againOf(found: StatusLook, options: StatusOutput): Promise<string> {
  if (options.json) return JSON.stringify(await documentOf(found.status));
  const text = await textOf(found, options);
  if (options.prometheus || options.output !== undefined) return text;
  const time = shortTime(context.clock.now_ms());
  return `${stdoutPaint()(`— ${time}`, "dim")}\n${text}\n`;
}

async function documentOf(status: Status): Promise<Record<string, unknown>> {
  return (await import("../../lib/report/status.ts")).statusJson(status);
}

/** Infinity where it is none: who reads a pipe wants all of it. */
function terminalWidth(): number {
  if (!Deno.stdout.isTerminal()) return Infinity;
  try {
    // A serial line has no size, and says 0.
    return Deno.consoleSize().columns || Infinity;
  } catch {
    return Infinity;
  }
}
