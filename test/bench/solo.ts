import {
  folderName,
  inside,
  mustRun,
  namespaceName,
  removeLeftovers,
  removeNamespaces,
} from "../../lib/demo/namespace.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";

/** A machine of its own for commands without traffic: a namespace and a folder. */
export interface Solo {
  path(name: string): string;
  /** Argument list for `lb COMMAND ARGS` here. */
  lb(lb: readonly string[], ...words: readonly string[]): readonly string[];
  /** Argument list for any program here. */
  inside(...argv: readonly string[]): readonly [string, ...string[]];
  writeConfig(text: string): void;
  /** As if lb had never been here. */
  forget(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Also removes what dead runs have left.
 *
 * @param serial tells apart several of one process
 */
export async function buildSolo(serial: number): Promise<Solo> {
  const namespace = namespaceName(Deno.pid, serial, "solo");
  const folder = folderName(Deno.pid, serial);
  const path = (name: string) => `${folder}/${name}`;
  const must = (...argv: readonly string[]) => mustRun(process, inside(namespace, argv));
  const close = async () => {
    await removeNamespaces(process, [namespace]);
    await process.run(["rm", "-rf", "--", folder]);
  };
  await removeLeftovers(process, files);
  try {
    files.mkdir(folder, 0o700);
    await mustRun(process, ["ip", "netns", "add", namespace]);
    await must("ip", "link", "set", "lo", "up");
  } catch (error) {
    await close();
    throw error;
  }
  return {
    path,
    lb: (lb, ...words) => {
      const places = ["--config", path("lb.toml"), "--state", path("state")];
      return inside(namespace, [...lb, ...words, ...places, "--run-dir", path("run")]);
    },
    inside: (...argv) => inside(namespace, argv),
    writeConfig: (text) => files.replace(path("lb.toml"), text, 0o600),
    async forget() {
      await must("nft", "flush", "ruleset");
      await process.run(["rm", "-rf", "--", path("state"), path("run")]);
    },
    close,
  };
}
