import assert from "node:assert/strict";

/** Tells the child that the network namespace is its own. */
const MARKER = "LB_TEST_NAMESPACE";

/** Longer than the slowest of these files takes, shorter than the suite's own limit. */
const LIMIT_MS = 8 * 60_000;

/** Why real kernel tests cannot run here; undefined where they can. */
export async function whyNotReal(): Promise<string | undefined> {
  if (Deno.uid() !== 0) return "needs root";
  const control = "add table inet lb";
  const { code, stderr } = await output(["unshare", "--net", "nft", control]).catch(
    (error: Error) => ({ code: 1, stderr: error.message }),
  );
  return code === 0 ? undefined : `nft in a namespace of its own: ${stderr.trim()}`;
}

/**
 * Runs the tests that `register` makes in a network namespace which nobody else is in and which ends with
 * them: a child process runs the same file again, there.
 *
 * @param file `import.meta.url` of the test file
 */
export async function testInNamespace(file: string, register: () => void): Promise<void> {
  if (Deno.env.get(MARKER) === file) return register();
  const reason = await whyNotReal();
  const name = new URL(file).pathname.split("/").at(-1);
  Deno.test({
    name: `${name} in a network namespace of its own${reason ? ` (skipped: ${reason})` : ""}`,
    ignore: reason !== undefined,
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
