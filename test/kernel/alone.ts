/** The command line in a network namespace of its own, without anybody around it. */
import assert from "node:assert/strict";
import { inside, mustRun, namespaceName, removeNamespaces } from "../../lib/demo/namespace.ts";
import { process } from "../../lib/sys/process.ts";
import type { RunResult } from "../../lib/sys/ports.ts";
import { serviceText } from "./config.ts";
import { LB } from "./harness.ts";
import { PATIENCE } from "./patience.ts";

/** A machine that lb has never run on, and one service that it could have. */
export interface Alone {
  /** Runs lb there. */
  lb(...args: string[]): Promise<RunResult>;
  /** The argument list that runs lb there. */
  argv(...args: string[]): [string, ...string[]];
  /** Runs another program there, which has to succeed. @returns what it printed */
  must(...argv: [string, ...string[]]): Promise<string>;
}

const ON_NFT = serviceText({ weights: [1], more: 'engine = "nft"' });

/** For one run of lb. */
const timeout_ms = 60_000 * PATIENCE;

/** Gives an act a machine of its own, with this config. */
export async function alone(
  act: (machine: Alone) => Promise<void>,
  text = ON_NFT,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lb-alone-" });
  const name = namespaceName(Deno.pid, 0, "alone");
  const config = `${folder}/lb.toml`;
  const places = ["--config", config, "--state", `${folder}/state`, "--run-dir", `${folder}/run`];
  try {
    await Deno.writeTextFile(config, text, { mode: 0o600 });
    await mustRun(process, ["ip", "netns", "add", name]);
    await act({
      lb: (...args) => process.run(inside(name, [...LB, ...args, ...places]), { timeout_ms }),
      argv: (...args) => inside(name, [...LB, ...args, ...places]),
      async must(...argv) {
        const { code, stdout, stderr } = await process.run(inside(name, argv));
        assert.equal(code, 0, stderr);
        return stdout;
      },
    });
  } finally {
    await removeNamespaces(process, [name]);
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * Names of the modules that are loaded. Without nfnetlink: nft opens its socket whatever it is asked, its
 * version too, and that loads it (nft 1.0.6).
 */
export function loadedModules(): string[] {
  const names = readIfThere("/proc/modules").split("\n").map((line) => line.split(" ")[0]!);
  return names.filter((name) => name !== "nfnetlink").sort();
}

/** Whether a module of this kernel is there that nobody has loaded yet. */
export function couldBeLoaded(name: string): boolean {
  const installed = readIfThere(`/lib/modules/${Deno.osRelease()}/modules.dep`);
  return new RegExp(`/${name}\\.ko`).test(installed) && !loadedModules().includes(name);
}

function readIfThere(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    // A kernel without modules has neither.
    return "";
  }
}
