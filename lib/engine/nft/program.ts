import { KernelError } from "../../model/error.ts";
import type { Kernel, RunResult } from "../../sys/ports.ts";
import { type ListedEntry, parseEntries } from "./listing.ts";
import { isDynamic } from "./names.ts";

/** 10,000 services take nft about five seconds (docs/engines.md); a hung nft must not hang a cron job. */
const NFT_TIMEOUT_MS = 120_000;

/** The words nft prints for an errno (strerror of glibc and musl). */
const ERRNO_BY_WORDS: readonly (readonly [RegExp, string])[] = [
  [/No such file or directory/, "ENOENT"],
  [/File exists/, "EEXIST"],
  [/Operation not permitted/, "EPERM"],
  [/Permission denied/, "EACCES"],
  [/(Operation|Protocol|Address family) not supported/, "EOPNOTSUPP"],
  [/Invalid argument/, "EINVAL"],
  [/Device or resource busy|Resource busy/, "EBUSY"],
  [/Cannot allocate memory|Out of memory/, "ENOMEM"],
  [/Numerical result out of range/, "ERANGE"],
  [/Too many levels/, "ELOOP"],
];

/**
 * Runs one transaction.
 *
 * @throws {KernelError} with the errno; the kernel then holds what it held before
 */
export async function runTransaction(kernel: Kernel, script: string): Promise<void> {
  // A file, not a pipe: it is still there to be read when an operator wonders what was refused.
  const path = `${kernel.runDir}/transaction.nft`;
  kernel.files.replace(path, script, 0o600);
  const options = { timeout_ms: NFT_TIMEOUT_MS };
  const result = await kernel.process.run(["nft", "-f", path], options);
  if (result.code !== 0) throw refusal("nft -f", result);
}

/** At once: nft spends its time in the kernel, and there are few cores to it. */
const LISTS_AT_ONCE = 4;

/**
 * Everything in the table but what packets put there; undefined where there is none. Numbers stay numbers
 * (-n): names of marks and protocols are this machine's own affair.
 *
 * @param hasDynamic some map is filled by packets. Such a table is not listed as a whole: whoever sends
 * packets would decide how long that takes. Only a terse listing of the whole ruleset reads no elements,
 * and nft 1.0.6 lists one map per run.
 */
export async function listTable(
  kernel: Kernel,
  hasDynamic: boolean,
): Promise<readonly ListedEntry[] | undefined> {
  if (!hasDynamic) return await list(kernel, ["table", "inet", "lb"]);
  const ruleset = await list(kernel, ["ruleset"], ["-t"]) ?? [];
  const entries = ruleset.filter(isOurs);
  if (entries.length === 0) return undefined;
  const collections = entries.flatMap(({ map, set }) => {
    const name = (map ?? set)?.name;
    return name === undefined || isDynamic(name) ? [] : [[map ? "map" : "set", name] as const];
  });
  const filled: ListedEntry[] = [];
  for (let at = 0; at < collections.length; at += LISTS_AT_ONCE) {
    const part = collections.slice(at, at + LISTS_AT_ONCE)
      .map(([kind, name]) => list(kernel, [kind, "inet", "lb", name]));
    for (const listed of await Promise.all(part)) filled.push(...listed ?? []);
  }
  const isListed = ({ map, set }: ListedEntry) => isDynamic((map ?? set)?.name ?? "st-");
  return [...entries.filter(isListed), ...filled];
}

/** The named counters of the table. */
export async function listCounters(kernel: Kernel): Promise<readonly ListedEntry[]> {
  return await list(kernel, ["counters", "table", "inet", "lb"]) ?? [];
}

/** @returns undefined where there is nothing of that name */
async function list(
  kernel: Kernel,
  what: readonly string[],
  flags: readonly string[] = [],
): Promise<readonly ListedEntry[] | undefined> {
  const argv: [string, ...string[]] = ["nft", "-n", ...flags, "-j", "list", ...what];
  const result = await kernel.process.run(argv, { timeout_ms: NFT_TIMEOUT_MS });
  if (result.code === 0) return parseEntries(result.stdout);
  const error = refusal("nft list", result);
  if (error.refusal.errno === "ENOENT") return undefined;
  throw error;
}

function isOurs(entry: ListedEntry): boolean {
  const [kind, object] = Object.entries(entry)[0] ?? [];
  const table = kind === "table" ? object?.name : object?.table;
  return object?.family === "inet" && table === "lb";
}

function refusal(operation: string, result: RunResult): KernelError {
  const lines = result.stderr.split("\n").filter((line) => line.trim() && !/^[\s^]*$/.test(line));
  const message = result.code === 124
    ? `no answer within ${NFT_TIMEOUT_MS / 1000} s`
    : lines.slice(0, 4).join(" / ") || `exit code ${result.code}`;
  const errno = ERRNO_BY_WORDS.find(([words]) => words.test(message))?.[1];
  return new KernelError({ operation, object: "table inet lb", errno, message });
}
