/** One step of a suite: a Deno command whose exit says it all, or one that reports each test. */
export interface Step {
  readonly name: string;
  readonly args: readonly string[];
  /** Whether it is `deno test`, which writes a report. */
  readonly reports: boolean;
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
}

const MINUTE_MS = 60_000;
const CHECKED = ["main.ts", "cmd", "lib", "test", ".ci/build.ts"];

function command(name: string, ...args: string[]): Step {
  return { name, args, reports: false };
}

function tests(...paths: string[]): Step[] {
  // Types are the suite ok's: a wrong one is said once, and hides no test.
  const flags = ["--quiet", "--no-check", "--sanitize-ops", "--sanitize-resources"];
  const args = ["test", "-A", ...flags, ...paths];
  return [{ name: paths.join(" "), args, reports: true }];
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
    steps: tests("test/unit", "test/tidy_test.ts"),
  },
  {
    name: "golden",
    what: "a folder per scenario: config in, plan and ruleset out",
    usual: true,
    limit_ms: 5 * MINUTE_MS,
    steps: tests("test/golden"),
  },
  {
    name: "contract",
    what: "what every engine promises, on a fake kernel and on this one",
    usual: true,
    limit_ms: 10 * MINUTE_MS,
    steps: tests("test/contract"),
  },
  {
    name: "kernel",
    what: "real packets in network namespaces (root)",
    usual: true,
    limit_ms: 30 * MINUTE_MS,
    steps: tests("test/kernel"),
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
