import { type KernelFile, kernelFiles, type MachineName, testsIn } from "./kernels.ts";

/** One step of a suite: a Deno command whose exit says it all, or one that reports each test. */
export interface Step {
  readonly name: string;
  readonly on: MachineName;
  readonly args: readonly string[];
  /** Whether it is `deno test`, which writes a report. */
  readonly reports: boolean;
  /** Of a file's tests only those whose names match. @default all */
  readonly only?: RegExp;
  /** Of the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it is begun first, and runs beside the others of its kernel. @default false */
  readonly beside?: boolean;
  /** Whether what it prints is what it is run for. @default false */
  readonly shows?: boolean;
}

/** One entry of `./test/run.sh --list`. */
export interface Suite {
  readonly name: string;
  readonly what: string;
  /** Whether it runs when no suite is named. */
  readonly usual: boolean;
  /** After this it is ended and counts as failed. */
  readonly limit_ms: number;
  readonly steps: readonly Step[];
  /** Whether its steps are test files on kernels, to be told as a table. */
  readonly on_kernels?: boolean;
}

const MINUTE_MS = 60_000;
const CHECKED = ["main.ts", "cmd", "lib", "test", ".ci/build.ts", ".ci/picture.ts"];

function command(name: string, ...args: string[]): Step {
  return { name, on: "own", args, reports: false };
}

// Types are the suite ok's: a wrong one is said once, and hides no test.
const TEST = ["test", "-A", "--quiet", "--no-check", "--sanitize-ops", "--sanitize-resources"];

function tests(...paths: string[]): Step[] {
  return [{ name: paths.join(" "), on: "own", args: [...TEST, ...paths], reports: true }];
}

/** Files beside each other, as many as there are processors: nothing in them watches the time. */
function testsBeside(...paths: string[]): Step[] {
  return tests(...paths).map((step) => ({ ...step, args: [...step.args, "--parallel"] }));
}

/** Each file on its own: what one of them breaks is its own, and there is something to see meanwhile. */
function kernelStep({ on, path, only, engine, beside }: KernelFile): Step {
  const file = path.slice(path.lastIndexOf("/") + 1);
  const name = engine ? `${file} on ${engine}` : file;
  // A guest reaches no registry.
  const cached = on === "own" ? [] : ["--cached-only"];
  const filter = only ? [`--filter=/${only.source}/`] : [];
  return {
    name,
    on,
    args: [...TEST, ...cached, ...filter, path],
    reports: true,
    only,
    beside,
    ...engine && { env: { LB_TEST_ENGINE: engine } },
  };
}

/** All suites, in the order they run: what fails fastest first. */
export const SUITES: readonly Suite[] = [
  {
    name: "ok",
    what: "format, lint and types",
    usual: true,
    limit_ms: 5 * MINUTE_MS,
    steps: [
      command("deno fmt --check", "fmt", "--check"),
      command("deno lint", "lint", "--quiet"),
      command("deno check", "check", "--quiet", ...CHECKED),
    ],
  },
  {
    name: "unit",
    what: "pure parts, property tests, and the rules of the code itself",
    usual: true,
    limit_ms: 10 * MINUTE_MS,
    steps: testsBeside("test/unit", "test/tidy_test.ts"),
  },
  {
    name: "golden",
    what: "a folder per scenario: config in, plan and ruleset out",
    usual: true,
    limit_ms: 5 * MINUTE_MS,
    steps: testsBeside("test/golden"),
  },
  {
    name: "contract",
    what: "what every engine promises, on a fake kernel; on real ones it is in kernel",
    usual: true,
    limit_ms: 10 * MINUTE_MS,
    steps: testsBeside(
      ...testsIn("test/contract").filter((path) => path.endsWith("_fake_test.ts")),
    ),
  },
  {
    name: "kernel",
    what: "contract and real packets on three kernels (root); --on own, uml or qemu picks",
    usual: true,
    limit_ms: 45 * MINUTE_MS,
    on_kernels: true,
    steps: kernelFiles().map(kernelStep),
  },
  {
    name: "install",
    what: "the executable, install.sh and what they leave behind",
    usual: true,
    limit_ms: 10 * MINUTE_MS,
    steps: tests("test/install"),
  },
  {
    name: "bench",
    what: "measurements beside peers, without judging them; only when named (root)",
    usual: false,
    limit_ms: 60 * MINUTE_MS,
    steps: [{ ...command("deno task bench", "run", "-A", "test/bench/main.ts"), shows: true }],
  },
];

/** The suites of these names, in the table's order. @throws {Error} naming those there are not */
export function chooseSuites(names: readonly string[]): readonly Suite[] {
  if (names.length === 0) return SUITES.filter(({ usual }) => usual);
  const known = SUITES.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`no suite ${unknown.join(", ")}; there are ${known.join(", ")}`);
  }
  return SUITES.filter(({ name }) => names.includes(name));
}

/** What is asked for of a suite that runs on several kernels. */
export interface Pick {
  readonly machines: readonly MachineName[];
  /** Part of the names of files. */
  readonly file: string;
}

/** The suite without what was not picked, if it is one that runs on several kernels. */
export function picked(suite: Suite, { machines, file }: Pick): Suite {
  if (!suite.on_kernels) return suite;
  const isPicked = ({ on, name }: Step) => machines.includes(on) && name.includes(file);
  return { ...suite, steps: suite.steps.filter(isPicked) };
}
