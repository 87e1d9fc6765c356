import { LbError } from "../model/error.ts";
import type { FilesPort, RunOptions, RunResult } from "../sys/ports.ts";
import type { Topology } from "./topology.ts";

/** The `lb` command line inside the balancer's namespace, with places of its own. */
export interface Balancer {
  readonly config_path: string;
  /** Argument list of an `lb` command. */
  argv(...args: string[]): [string, ...string[]];
  /** Runs `lb ARGS`. */
  lb(...args: string[]): Promise<RunResult>;
  /**
   * Runs `lb ARGS --json`.
   *
   * @throws {LbError} `kernel-refused` where it does not end with `code`, or prints no JSON
   */
  json<T>(args: readonly string[], code?: number): Promise<T>;
  writeConfig(text: string): void;
  readConfig(): string;
  /** Runs any program there. */
  run(argv: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/**
 * @param self argument list that runs lb
 */
export function makeBalancer(
  topology: Topology,
  files: FilesPort,
  self: readonly string[],
): Balancer {
  const { folder } = topology;
  const config_path = `${folder}/lb.toml`;
  const places = [
    "--config",
    config_path,
    "--state",
    `${folder}/state`,
    "--run-dir",
    `${folder}/run`,
  ];
  const argv = (command: string, ...args: string[]) =>
    [...self, command, ...args, ...places] as unknown as [string, ...string[]];
  const run: Balancer["run"] = (program, options) =>
    topology.run(topology.balancer, program, options);
  const lb: Balancer["lb"] = (command = "", ...args) => run(argv(command, ...args));
  return {
    config_path,
    argv: (command = "", ...args) => argv(command, ...args),
    lb,
    async json<T>(args: readonly string[], code = 0): Promise<T> {
      return parseAnswer<T>(args, await lb(...args, "--json"), code);
    },
    writeConfig: (text) => files.replace(config_path, text, 0o600),
    readConfig: () => files.read(config_path) ?? "",
    run,
  };
}

function parseAnswer<T>(args: readonly string[], result: RunResult, code: number): T {
  const said = result.stderr.trim() || result.stdout.trim();
  if (result.code !== code) {
    throw new LbError(
      "kernel-refused",
      `lb ${args.join(" ")} ended with ${result.code}, not ${code}: ${said}`,
    );
  }
  try {
    return JSON.parse(result.stdout) as T;
  } catch (cause) {
    throw new LbError("kernel-refused", `lb ${args.join(" ")} printed no JSON: ${said}`, { cause });
  }
}
