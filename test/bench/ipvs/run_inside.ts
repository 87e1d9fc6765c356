import type { Machine } from "../../kernel/machine/machine.ts";

/**
 * Runs a program of this folder in a guest.
 *
 * @param argument for it
 * @returns the last line it prints, which is JSON
 * @throws {Unavailable} where this machine cannot have the guest; {Error} with what the program said
 */
export async function runInside(
  guest: Machine,
  program: string,
  argument: string,
  timeout_ms: number,
): Promise<unknown> {
  const folder = await Deno.makeTempDir({ prefix: "lb-bench-" });
  try {
    await guest.prepare();
    const path = new URL(program, import.meta.url).pathname;
    const { code, stdout, stderr } = await guest.run({
      argv: [Deno.execPath(), "run", "-A", "--cached-only", path, argument],
      folder,
      env: { NO_COLOR: "1" },
      timeout_ms,
    });
    if (code !== 0) throw new Error(`it ended with ${code}: ${stderr.trim()}`);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
