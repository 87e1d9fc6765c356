/** Runs test suites and sums them up. `./test/run.sh` gets the machine ready and starts this. */
import { parseArgs } from "node:util";
import { unpacked } from "../install/built.ts";
import { type MachineName, MACHINES } from "./kernels.ts";
import { matrix } from "./matrix.ts";
import { allGood, skipped, type SuiteResult, summary, totals } from "./report.ts";
import { runSuite, type SuiteOptions } from "./run.ts";
import { chooseSuites, picked, type Suite, SUITES } from "./suites.ts";

const NAMES = MACHINES.map(({ name }) => name);
const USAGE = `Usage: ./test/run.sh [options] [suite…]

  --on KERNEL  of the suite kernel, only what runs on ${NAMES.join(", ")}; can be given twice
  --file TEXT  of the suite kernel, only files whose names contain it
  --verbose    what the tests print
  --list       the suites
`;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      verbose: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
      on: { type: "string", multiple: true, default: [] },
      file: { type: "string", default: "" },
    },
  });
  if (values.help) return print(USAGE, ...listing());
  if (values.list) return print(...listing());
  const pick = { machines: chooseMachines(values.on), file: values.file };
  const isWhole = positionals.length === 0 && values.on.length === 0 && values.file === "";
  const options = {
    verbose: values.verbose,
    isWhole,
    tell: (lines: readonly string[]) => void print(...lines),
  };
  const results: SuiteResult[] = [];
  for (const suite of chooseSuites(positionals)) {
    if (isWhole && suite.on_kernels) await takeExecutable();
    results.push(await tell(picked(suite, pick), options));
  }
  const reasons = skipped(results);
  if (reasons.length > 0) print("Skipped:", ...reasons.map((reason) => `  ${reason}`), "");
  print(...summary(results));
  return allGood(results) ? 0 : 1;
}

/**
 * On this machine's kernel `lb` is the executable that is installed elsewhere, not this checkout: it is what users
 * have, and it starts in half the time, of which a whole run has 25 minutes.
 */
async function takeExecutable(): Promise<void> {
  if (Deno.env.has("LB")) return;
  const { program, cache } = await unpacked();
  Deno.env.set("LB", program);
  Deno.env.set("LB_CACHE", cache);
}

/** All, unless some are named. */
function chooseMachines(names: readonly string[]): readonly MachineName[] {
  const unknown = names.find((name) => !NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`no kernel ${unknown}; there are ${NAMES.join(", ")}`);
  return names.length === 0 ? NAMES : NAMES.filter((name) => names.includes(name));
}

/** Runs a suite between what is to be read before and after it. */
async function tell(suite: Suite, options: SuiteOptions): Promise<SuiteResult> {
  print(`${suite.name}: ${suite.what}`);
  const result = await runSuite(suite, options);
  const { name, seconds, kernels } = result;
  if (suite.on_kernels) print("", ...matrix(result.cells, kernels), "");
  print(`${name}: ${totals([result])} in ${seconds.toFixed(1)} s`, "");
  return result;
}

function listing(): string[] {
  return SUITES.map(({ name, what }) => `${name.padEnd(10)}${what}`);
}

function print(...lines: string[]): number {
  if (lines.length > 0) console.log(lines.join("\n"));
  return 0;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : error}`);
  Deno.exit(2);
}
