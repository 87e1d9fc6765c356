import { imports, mentions, type Source } from "./source.ts";

const TEST = /_test\.ts$/;

/** Started by scripts and tasks, not imported. */
const PROGRAMS: readonly string[] = [
  ".ci/build.ts",
  ".ci/picture.ts",
  "main.ts",
  "test/fuzz/main.ts",
  "test/runner/main.ts",
];

/**
 * Files nothing leads to. What only a test leads to is as dead, unless it is equipment in test/:
 * a part of the program is used by the program.
 */
export function deadFiles(sources: readonly Source[]): string[] {
  const program = reach(sources, ["main.ts"]);
  const roots = sources.filter(({ path }) => TEST.test(path) || path.startsWith("test/bench/"));
  const tests = reach(sources, [...PROGRAMS, ...roots.map(({ path }) => path)]);
  return sources.filter(({ path }) => {
    const isPart = path.startsWith("lib/") || path.startsWith("cmd/");
    return !(isPart ? program : tests).has(path);
  }).map(({ path }) => `${path} is reached by nothing`);
}

function reach(sources: readonly Source[], roots: readonly string[]): Set<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const seen = new Set<string>();
  const waiting = [...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    const source = byPath.get(path);
    if (!source || seen.has(path)) continue;
    seen.add(path);
    waiting.push(...imports(source), ...mentions(source));
  }
  return seen;
}
