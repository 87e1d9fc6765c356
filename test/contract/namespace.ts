import assert from "node:assert/strict";
import { able, type Need } from "../kernel/able.ts";

/** Tells the child that the network namespace is its own. */
const MARKER = "LB_TEST_NAMESPACE";

/** Longer than the slowest of these files takes, shorter than the runner's own limit. */
const LIMIT_MS = 14 * 60_000;

/**
 * Runs the tests that `register` makes in a network namespace which nobody else is in and which ends with
 * them: a child process runs the same file again, there.
 *
 * @param file `import.meta.url` of the test file
 * @param need what they take
 */
export function testInNamespace(file: string, register: () => void, need?: Need): void {
  if (Deno.env.get(MARKER) === file) return register();
  const name = new URL(file).pathname.split("/").at(-1);
  Deno.test({
    ...able(`${name} in a network namespace of its own`, need),
    fn: () => runInNamespace(file),
  });
}

async function runInNamespace(file: string): Promise<void> {
  const { code, stdout, stderr } = await output([
    "unshare",
    ...["--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"', Deno.execPath()],
    ...["test", "-A", "--no-check", "--sanitize-ops", "--sanitize-resources", file],
  ], { [MARKER]: file, NO_COLOR: "1" });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const told = stdout.split("\n").filter((line) => /^(compared|ok \|)/.test(line));
  console.log(told.join("\n"));
}

async function output(argv: readonly [string, ...string[]], env: Record<string, string> = {}) {
  const [program, ...args] = argv;
  const signal = AbortSignal.timeout(LIMIT_MS);
  const child = new Deno.Command(program, { args, env, signal, stdin: "null" });
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out ?? "", stderr: err ?? "" };
}
