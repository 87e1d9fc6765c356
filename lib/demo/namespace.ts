import { LbError } from "../model/error.ts";
import type { FilesPort, ProcessPort, RunOptions, RunResult } from "../sys/ports.ts";

/** Where iproute2 keeps its named network namespaces. */
const NETNS_FOLDER = "/run/netns";

/** Where the folders of runs are: only root can write there, so no name in it is a trap. */
const RUN_FOLDER = "/run";

/** `lb-PID-ROLE` or `lb-PID.N-ROLE`: ours, and of which run. Folders have the role `files`. */
const OUR_NAME = /^lb-(\d+)(?:\.\d+)?-/;

/** Name of a namespace of this run. `serial` tells apart several topologies of one process. */
export function namespaceName(pid: number, serial: number, role: string): string {
  return serial === 0 ? `lb-${pid}-${role}` : `lb-${pid}.${serial}-${role}`;
}

/** The private folder that goes with the namespaces. */
export function folderName(pid: number, serial: number): string {
  return `${RUN_FOLDER}/${namespaceName(pid, serial, "files")}`;
}

/** Argument list that runs a program inside a namespace. */
export function inside(namespace: string, argv: readonly string[]): [string, ...string[]] {
  return ["ip", "netns", "exec", namespace, ...argv];
}

/** Names of ours whose run is no longer alive. Pure. */
export function deadNames(names: readonly string[], alive: (pid: number) => boolean) {
  return names.filter((name) => {
    const pid = OUR_NAME.exec(name)?.[1];
    return pid !== undefined && !alive(Number(pid));
  });
}

/** Removes what runs left behind that were killed before they could. */
export async function removeLeftovers(process: ProcessPort, files: FilesPort): Promise<void> {
  const alive = (pid: number) => files.stat(`/proc/${pid}`) !== undefined;
  await removeNamespaces(process, deadNames(files.list(NETNS_FOLDER), alive));
  const folders = deadNames(files.list(RUN_FOLDER), alive).map((name) => `${RUN_FOLDER}/${name}`);
  if (folders.length > 0) await process.run(["rm", "-rf", "--", ...folders]);
}

/** Ends every program inside the namespaces (all of them ours) and removes them. Never throws. */
export async function removeNamespaces(
  process: ProcessPort,
  names: readonly string[],
): Promise<void> {
  await Promise.all(names.map(async (name) => {
    const pids = (await process.run(["ip", "netns", "pids", name])).stdout.split("\n");
    const ours = pids.filter((pid) => /^\d+$/.test(pid));
    if (ours.length > 0) await process.run(["kill", "-KILL", ...ours]);
    await process.run(["ip", "netns", "delete", name]);
  }));
}

/**
 * Runs a program that has to succeed.
 *
 * @throws {LbError} `kernel-refused` with what it said, where it does not
 */
export async function mustRun(
  process: ProcessPort,
  argv: readonly [string, ...string[]],
  options?: RunOptions,
): Promise<RunResult> {
  const result = await process.run(argv, options);
  if (result.code === 0) return result;
  throw new LbError(
    "kernel-refused",
    `${argv.join(" ")} failed (${result.code}): ${(result.stderr || result.stdout).trim()}`,
  );
}
