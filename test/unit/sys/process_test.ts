import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { process } from "../../../lib/sys/process.ts";
import { completePath, missingProgram } from "../../../lib/sys/program.ts";

Deno.test("code, output and errors come back apart", async () => {
  const result = await process.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  assert.deepEqual(result, { code: 3, stdout: "out\n", stderr: "err\n" });
});

Deno.test("arguments reach the program as they are", async () => {
  const { stdout } = await process.run(["printf", "%s|", "a b", "$HOME", "'", "*"]);
  assert.equal(stdout, "a b|$HOME|'|*|");
});

Deno.test("input larger than a pipe goes through", async () => {
  const stdin = "0123456789abcdef".repeat(65_536);
  const { stdout, code } = await process.run(["cat"], { stdin });
  assert.equal(code, 0);
  assert.ok(stdout === stdin);
});

Deno.test("a program that ends without reading its input is heard", async () => {
  const stdin = "x".repeat(1_000_000);
  const result = await process.run(["sh", "-c", "echo no >&2; exit 1"], { stdin });
  assert.deepEqual(result, { code: 1, stdout: "", stderr: "no\n" });
});

Deno.test("without input a program reads an end at once", async () => {
  assert.equal((await process.run(["cat"], { timeout_ms: 5_000 })).code, 0);
});

Deno.test("a program that takes too long is killed and has code 124", async () => {
  const begun = performance.now();
  const result = await process.run(["sh", "-c", "echo so far; exec sleep 20"], { timeout_ms: 300 });
  assert.deepEqual(result, { code: 124, stdout: "so far\n", stderr: "" });
  assert.ok(performance.now() - begun < 5_000);
});

Deno.test("a program's child that holds its output open does not hold us", async () => {
  const begun = performance.now();
  // The shell is killed; its sleep goes on by itself and ends soon.
  const result = await process.run(["sh", "-c", "sleep 3; echo done"], { timeout_ms: 300 });
  assert.equal(result.code, 124);
  assert.ok(performance.now() - begun < 2_500);
});

Deno.test("of a program that runs apart, nothing is left after its time", async () => {
  const script = "sleep 20 & echo $!; wait";
  const { stdout } = await process.run(["sh", "-c", script], { timeout_ms: 300, isApart: true });
  let state = "";
  for (let attempt = 0; attempt < 20 && state !== "gone"; attempt++) {
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    const status = await Deno.readTextFile(`/proc/${stdout.trim()}/status`).catch(() =>
      "State:\tX"
    );
    if (/^State:\s+[ZX]/m.test(status)) state = "gone";
  }
  assert.equal(state, "gone");
});

Deno.test("of much output, as much is kept as is wanted", async () => {
  const options = { output_bytes_max: 10, env: { GREETING: "hello" } };
  const { code, stdout, stderr } = await process.run(
    ["sh", "-c", "echo $GREETING >&2; yes | head -c 1000000"],
    options,
  );
  assert.deepEqual({ code, stdout, stderr }, {
    code: 0,
    stdout: "y\ny\ny\ny\ny\n",
    stderr: "hello\n",
  });
});

Deno.test("a program that reads no input in its time is killed", async () => {
  const stdin = "x".repeat(1_000_000);
  assert.equal((await process.run(["sleep", "20"], { stdin, timeout_ms: 300 })).code, 124);
});

Deno.test("programs speak English and find what cron's PATH leaves out", async () => {
  const { stdout } = await process.run(["sh", "-c", "echo $LC_ALL $PATH"]);
  assert.match(stdout, /^C .*\/usr\/sbin/);
  assert.equal(
    completePath("/usr/bin:/bin"),
    "/usr/bin:/bin:/usr/sbin:/sbin:/usr/local/sbin",
  );
  assert.equal(completePath(undefined), "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin");
});

Deno.test("a missing program is unsupported", async () => {
  await assert.rejects(
    process.run(["lb-no-such-program"]),
    (error) => error instanceof LbError && error.code === "unsupported",
  );
});

Deno.test("where a missing program comes from is named if it is known", () => {
  assert.match(missingProgram("nft").message, /cannot run nft: .* Debian package nftables/);
  assert.doesNotMatch(missingProgram("lb-no-such-program").message, /install/);
});
