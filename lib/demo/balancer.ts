import { LbError } from "../model/error.ts";
import type { FilesPort, RunOptions, RunResult } from "../sys/ports.ts";
import type { Topology } from "./topology.ts";

/** The `lb` command line inside the balancer's namespace, with places of its own. */
export interface Balancer {
  readonly config_path: string;
  /** Argument list of `lb COMMAND ARGS`, for whoever starts it himself. */
  argv(command: string, ...args: string[]): string[];
  /** Runs `lb COMMAND ARGS`. */
  lb(command: string, ...args: string[]): Promise<RunResult>;
  /**
   * Runs `lb COMMAND ARGS --json`.
   *
   * @throws {LbError} `kernel-refused` where it does not end with `code`, or prints no JSON
   */
  json<T>(code: number, command: string, ...args: string[]): Promise<T>;
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
  const at = (name: string) => `${topology.folder}/${name}`;
  const places = ["--config", at("lb.toml"), "--state", at("state"), "--run-dir", at("run")];
  const argv: Balancer["argv"] = (command, ...args) => [...self, command, ...args, ...places];
  const run: Balancer["run"] = (program, options) =>
    topology.run(topology.balancer, program, options);
  const lb: Balancer["lb"] = (command, ...args) => run(argv(command, ...args));
  return {
    config_path: at("lb.toml"),
    argv,
    lb,
    run,
    async json<T>(code: number, ...words: [string, ...string[]]): Promise<T> {
      return parseAnswer<T>(words, await lb(...words, "--json"), code);
    },
    writeConfig: (text) => files.replace(at("lb.toml"), text, 0o600),
    readConfig: () => files.read(at("lb.toml")) ?? "",
  };
}

function parseAnswer<T>(words: readonly string[], result: RunResult, code: number): T {
  const command = `lb ${words.join(" ")}`;
  const said = result.stderr.trim() || result.stdout.trim();
  if (result.code !== code) {
    throw new LbError("kernel-refused", `${command} ended with ${result.code}: ${said}`);
  }
  try {
    return JSON.parse(result.stdout) as T;
  } catch (cause) {
    throw new LbError("kernel-refused", `${command} printed no JSON: ${said}`, { cause });
  }
}
