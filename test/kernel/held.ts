/** Many connections that stay, and who answers each of them before and after something. */
import assert from "node:assert/strict";
import type { Lab } from "./harness.ts";
import type { HeldSpec } from "./held_inside.ts";
import { PATIENCE } from "./patience.ts";

const INSIDE = new URL("./held_inside.ts", import.meta.url).pathname;

/** Connections that are open. */
export interface HeldMany {
  /** Who has answered each of them, in their order. */
  readonly names: readonly string[];
  /** Asks each again, and closes them. @returns who answers now; "" where it has been cut */
  ask(): Promise<readonly string[]>;
}

/** Opens them all, each of which has to be answered. */
export async function holdOpen(
  { traffic, topology }: Lab,
  spec: Omit<HeldSpec, "timeout_ms">,
): Promise<HeldMany> {
  const argv = [Deno.execPath(), "run", "-q", "--no-check", "-A", INSIDE];
  const child = traffic.program(topology.client, [
    ...argv,
    JSON.stringify({ ...spec, timeout_ms: 2_000 * PATIENCE }),
  ]);
  const next = async () => {
    const { value } = await child.lines.next();
    if (value === undefined) assert.fail((await child.ended).stderr);
    return JSON.parse(value) as string[];
  };
  const names = await next();
  assert.ok(!names.includes(""), `${names.filter((name) => name === "").length} were not answered`);
  return {
    names,
    async ask() {
      await child.closeInput();
      const again = await next();
      await child.ended;
      return again;
    },
  };
}
