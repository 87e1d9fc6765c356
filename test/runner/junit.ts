import type { MachineName } from "./kernels.ts";

/** What became of one test or step. */
export interface Outcome {
  readonly name: string;
  readonly result: "passed" | "failed" | "skipped";
  /** The error and its stack; empty unless it failed. */
  readonly failure: string;
  /** The kernel it ran on. @default "own" */
  readonly on?: MachineName;
}

const CASE = /<testcase name="([^"]*)"[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;
const FAILURE = /<(?:failure|error)\b[^>]*>([\s\S]*?)<\/(?:failure|error)>/;
const STEP = " > ";
const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"' };

/**
 * The outcomes in a report of `deno test --junit-path`. A test with steps is left out where its steps
 * already say all of it, so that nothing counts twice.
 */
export function readOutcomes(xml: string): Outcome[] {
  const all = Array.from(xml.matchAll(CASE), ([, name, body]) => outcome(name ?? "", body ?? ""));
  return all.filter((one) => {
    const steps = all.filter(({ name }) => name.startsWith(one.name + STEP));
    return steps.length === 0 ||
      one.result === "failed" && !steps.some(({ result }) => result === "failed");
  });
}

function outcome(name: string, body: string): Outcome {
  const failure = FAILURE.exec(body)?.[1];
  const skipped = body.includes("<skipped");
  return {
    name: unescape(name),
    result: failure !== undefined ? "failed" : skipped ? "skipped" : "passed",
    failure: unescape(failure ?? ""),
  };
}

function unescape(text: string): string {
  return text.replaceAll(/&(?:#(x?)([0-9a-f]+)|(\w+));/gi, (whole, hex, code, name) => {
    if (code) return String.fromCodePoint(parseInt(code, hex ? 16 : 10));
    return name === "apos" ? "'" : ENTITIES[name] ?? whole;
  });
}
