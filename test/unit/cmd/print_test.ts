import assert from "node:assert/strict";
import { report } from "../../../cmd/change/change.ts";
import { fail, print, printJson, say } from "../../../cmd/shared/io.ts";
import { type ErrorCode, EXIT_CODES, KernelError, LbError } from "../../../lib/model/error.ts";
import type { Outcome } from "../../../lib/reconcile/outcome.ts";
import { captured } from "./capture.ts";
import { muchText } from "./print_full.ts";

const PRINT_MUCH = new URL("./print_much.ts", import.meta.url).pathname;
const PRINT_FULL = new URL("./print_full.ts", import.meta.url).pathname;
const ROOT = new URL("../../../", import.meta.url).pathname;

Deno.test("answers go to stdout and all else to stderr", async () => {
  const { stdout, stderr } = await captured(() => {
    print("answer");
    say("beside");
    printJson({ a: [1] });
    return 0;
  });
  assert.equal(stdout, 'answer\n{\n  "a": [\n    1\n  ]\n}\n');
  assert.equal(stderr, "beside\n");
});

Deno.test("every error code has its exit code, on stderr in words and in JSON where asked for", async () => {
  for (const code of Object.keys(EXIT_CODES) as ErrorCode[]) {
    const error = new LbError(code, "what was tried, and what to do");
    const plain = await captured(() => fail(error, false));
    assert.deepEqual(plain, {
      exitCode: EXIT_CODES[code],
      stdout: "",
      stderr: "lb: what was tried, and what to do\n",
    });
    const { stdout, stderr } = await captured(() => fail(error, true));
    assert.deepEqual(JSON.parse(stdout), { error: { code, message: error.message } });
    assert.equal(stderr, plain.stderr);
  }
});

Deno.test("a kernel without privilege is exit 5, a kernel that refuses exit 7", async () => {
  const refusal = { operation: "nft -f", object: "table inet lb", message: "no" };
  const denied = await captured(() => fail(new KernelError({ ...refusal, errno: "EPERM" }), false));
  assert.equal(denied.exitCode, 5);
  const refused = await captured(() =>
    fail(new KernelError({ ...refusal, errno: "EINVAL" }), false)
  );
  assert.deepEqual([refused.exitCode, refused.stderr], [
    7,
    "lb: nft -f on table inet lb: no (EINVAL)\n",
  ]);
});

Deno.test("what nobody foresaw is a bug: exit 70, with the lines to report", async () => {
  for (const error of [new TypeError("x is not a function"), "thrown text"]) {
    const { exitCode, stdout, stderr } = await captured(() => fail(error, true));
    assert.equal(exitCode, 70);
    assert.match(stderr, /^lb: this is a bug in lb; please report it/);
    assert.equal(JSON.parse(stdout).error.code, "bug");
  }
  const { stderr } = await captured(() => fail(new TypeError("x is not a function"), false));
  assert.match(stderr, /TypeError: x is not a function\n\s+at /, "with its trace");
});

Deno.test("a long text is written whole where the stream takes a little at a time", async () => {
  const { writeSync } = Deno.stdout;
  let written = "";
  try {
    Deno.stdout.writeSync = (bytes) => {
      written += new TextDecoder().decode(bytes.subarray(0, 7));
      return Math.min(7, bytes.length);
    };
    await Promise.resolve(print("0123456789".repeat(10)));
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
  assert.equal(written, "0123456789".repeat(10) + "\n");
});

const OUTCOME: Outcome = {
  revision: 1,
  changed: false,
  changes: [],
  sysctls: [],
  services: [],
  drift: [],
  blocked: [],
  warnings: [],
  notes: [],
};

/** Rows of: an outcome, whether it is a plan, the exit code. */
const EXITS = [
  [OUTCOME, false, 0],
  [{ ...OUTCOME, changed: true }, false, 0],
  [{ ...OUTCOME, warnings: ["lb.toml:3:1: twice"] }, false, 0],
  [{ ...OUTCOME, drift: ["chain s-web4"] }, false, 1],
  [{ ...OUTCOME, blocked: ["set it by hand"] }, false, 1],
  [{ ...OUTCOME, drift: ["chain s-web4"], blocked: ["set it by hand"] }, true, 0],
] as const;

Deno.test("what was repaired or blocked needs attention, exit 1, unless it is only a plan", async () => {
  for (const [outcome, planned, exitCode] of EXITS) {
    const found = await captured(() => report(outcome, { json: true, planned }));
    assert.equal(found.exitCode, exitCode);
    const expected = planned ? { ...outcome, impact: [] } : outcome;
    assert.deepEqual(JSON.parse(found.stdout), JSON.parse(JSON.stringify(expected)));
  }
});

Deno.test("what cron runs is silent when all is well, and not when something was repaired", async () => {
  const options = { json: false, planned: false, quiet: true };
  const quiet = await captured(() => report(OUTCOME, options));
  assert.deepEqual([quiet.stdout, quiet.stderr], ["", ""]);
  const repaired = await captured(() => report({ ...OUTCOME, drift: ["chain s-web4"] }, options));
  assert.match(repaired.stdout, /chain s-web4/);
  const blocked = await captured(() => report({ ...OUTCOME, blocked: ["set it"] }, options));
  assert.equal(blocked.stderr, "attention: set it\n");
});

/** Starts a program of this repository whose reader is gone before it writes. */
async function unheard(...args: readonly string[]): Promise<{ code: number; stderr: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", ...args],
    cwd: ROOT,
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const stderr = await new Response(child.stderr).text();
  return { code: (await child.status).code, stderr };
}

Deno.test("a reader that has gone is no error, whoever prints", async () => {
  const programs = [[PRINT_MUCH], ["main.ts", "apply", "--help"]];
  for (const args of programs) {
    assert.deepEqual(await unheard(...args), { code: 0, stderr: "" }, args.join(" "));
  }
});

Deno.test("where stdout does not block and is full, the reader gets everything, and once", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", PRINT_FULL],
    cwd: ROOT,
    stdout: "piped",
  }).spawn();
  let text = "";
  // In small sips, so that it is full again and again.
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += piece;
    await new Promise((wake) => setTimeout(wake, 5));
  }
  assert.equal((await child.status).code, 0);
  assert.ok(text === muchText() + "\n", `${text.length} characters`);
});

Deno.test("lb --version is one line: version, how it was built, by which Deno, for which machine", async () => {
  const line = /^lb \d+\.\d+\.\d+ \(source, Deno \d+\.\d+\.\d+, (x86_64|aarch64)\)\n$/;
  const { stdout, code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", "main.ts", "--version"],
    cwd: ROOT,
    env: { LB_BUILD: "source" },
  }).output();
  assert.equal(code, 0);
  assert.match(new TextDecoder().decode(stdout), line);
});

Deno.test("an answer that a full disk has not taken is told, with exit code 1; whoever reads no more is not", async () => {
  const lb = `"${Deno.execPath()}" run -q -A main.ts history --json --state /nowhere`;
  const run = async (line: string) => {
    const command = new Deno.Command("bash", { args: ["-c", line], cwd: ROOT, stderr: "piped" });
    const { code, stderr } = await command.output();
    return { code, stderr: new TextDecoder().decode(stderr) };
  };
  const full = await run(`${lb} >/dev/full`);
  assert.equal(full.code, Deno.uid() === 0 ? 1 : 5, full.stderr);
  assert.match(full.stderr, /could not be written to stdout: No space left on device/);
  const gone = await run(`(sleep 0.3; ${lb}) | true; exit \${PIPESTATUS[0]}`);
  assert.equal(gone.code, Deno.uid() === 0 ? 0 : 5, gone.stderr);
  assert.doesNotMatch(gone.stderr, /could not be written/);
});
