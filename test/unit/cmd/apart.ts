/** Test equipment: command lines in a network namespace of their own. */

/** For commands that look at the kernel: this machine's own network is none of their business. */
export function lbApart(...argv: readonly string[]) {
  return lbAfter("true", ...argv);
}

/** The same after something was done in sh. */
export async function lbAfter(before: string, ...argv: readonly string[]) {
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  const flags = ["--quiet", "--no-prompt", "--no-check", "-A"];
  const inside = ["sh", "-c", `${before} && exec timeout 60 "$@"`, "sh"];
  const args = ["--net", ...inside, Deno.execPath(), "run", ...flags, main, ...argv];
  const { code, stdout, stderr } = await new Deno.Command("unshare", { args }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { exitCode: code, stdout: out!, stderr: err! };
}

/** A test of such a command: not run where there are no namespaces to be had. */
export function apartTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: !canUnshare() });
}

function canUnshare(): boolean {
  if (Deno.uid() !== 0) return false;
  try {
    return new Deno.Command("unshare", { args: ["--net", "true"], stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}
