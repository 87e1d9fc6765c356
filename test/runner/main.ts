/** Runs test suites and sums them up. `./test/run.sh` gets the machine ready and starts this. */
import { type Outcome, readOutcomes } from "./junit.ts";
import { allGood, count, failures, skipped, type SuiteResult, summary, totals } from "./report.ts";
import { chooseSuites, type Step, type Suite, SUITES } from "./suites.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const USAGE = "Usage: ./test/run.sh [--verbose] [--list] [suite…]";
/** Enough for a compiler's complaints, without the whole log of a suite that hung. */
const LOG_LINES_MAX = 120;

async function main(args: readonly string[]): Promise<number> {
  const flags = args.filter((arg) => arg.startsWith("-"));
  const names = args.filter((arg) => !arg.startsWith("-"));
  if (flags.includes("--help") || flags.includes("-h")) return print(USAGE, ...listing());
  if (flags.includes("--list")) return print(...listing());
  if (flags.some((flag) => flag !== "--verbose")) return usage(USAGE);
  const results: SuiteResult[] = [];
  for (const suite of chooseSuites(names)) {
    results.push(await runSuite(suite, flags.includes("--verbose")));
  }
  const reasons = skipped(results);
  if (reasons.length > 0) print("Skipped:", ...reasons.map((reason) => `  ${reason}`), "");
  print(...summary(results));
  return allGood(results) ? 0 : 1;
}

function print(...lines: string[]): number {
  console.log(lines.join("\n"));
  return 0;
}

function usage(message: string): number {
  console.error(message);
  return 2;
}

function listing(): string[] {
  return SUITES.map(({ name, what }) => `${name.padEnd(10)}${what}`);
}

async function runSuite(suite: Suite, verbose: boolean): Promise<SuiteResult> {
  const start_ms = performance.now();
  const signal = AbortSignal.timeout(suite.limit_ms);
  print(`${suite.name}: ${suite.what}`);
  const outcomes: Outcome[] = [];
  for (const step of suite.steps) outcomes.push(...await runStep(step, signal, verbose));
  if (count(outcomes, "passed") + count(outcomes, "failed") === 0) {
    outcomes.push(failed(suite.name, "no test ran: a suite that tests nothing is no suite"));
  }
  const seconds = (performance.now() - start_ms) / 1000;
  const result = { name: suite.name, outcomes, seconds };
  print(...failures(outcomes), `${suite.name}: ${totals([result])} in ${seconds.toFixed(1)} s`, "");
  return result;
}

async function runStep(step: Step, signal: AbortSignal, verbose: boolean): Promise<Outcome[]> {
  const junit = await Deno.makeTempFile({ prefix: "lb-junit-" });
  try {
    const extra = step.reports ? [`--junit-path=${junit}`] : [];
    const { success, log } = await run(
      [...step.args, ...extra],
      signal,
      verbose || step.shows === true,
    );
    const outcomes = step.reports ? readOutcomes(await Deno.readTextFile(junit)) : [];
    if (success && !step.reports) return [{ name: step.name, result: "passed", failure: "" }];
    if (success || count(outcomes, "failed") > 0) return outcomes;
    const why = signal.aborted ? "it took too long and was ended" : "it failed as a whole";
    return [...outcomes, failed(step.name, `${why}:\n${log}`)];
  } finally {
    await Deno.remove(junit);
  }
}

function failed(name: string, failure: string): Outcome {
  return { name, result: "failed", failure };
}

interface Finished {
  readonly success: boolean;
  readonly log: string;
}

async function run(args: readonly string[], signal: AbortSignal, verbose: boolean) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" },
    signal,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [{ success }, out, err] = await Promise.all([
    child.status,
    collect(child.stdout, verbose),
    collect(child.stderr, verbose),
  ]);
  const lines = `${out}${err}`.split("\n");
  return { success, log: lines.slice(-LOG_LINES_MAX).join("\n") } satisfies Finished;
}

async function collect(stream: ReadableStream<Uint8Array>, verbose: boolean): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    text += decoder.decode(bytes, { stream: true });
    if (verbose) await Deno.stdout.write(bytes);
  }
  return text;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  Deno.exit(usage(`${error instanceof Error ? error.message : error}`));
}
