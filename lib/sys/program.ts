import { LbError } from "../model/error.ts";

/** Where a program that may be missing comes from: the Debian package. */
const PACKAGES: Readonly<Record<string, string>> = {
  conntrack: "conntrack",
  ip: "iproute2",
  "ip6tables-legacy-restore": "iptables",
  "ip6tables-legacy-save": "iptables",
  "iptables-legacy-restore": "iptables",
  "iptables-legacy-save": "iptables",
  nft: "nftables",
  unshare: "util-linux",
};

/** cron's PATH is /usr/bin:/bin, and what lb runs lives in the others. */
const SYSTEM_FOLDERS = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/bin", "/bin"];

/**
 * Starts a program from an argument list, with messages in English and with the administrator's
 * folders on its PATH.
 *
 * @param others standard output and error are pipes unless they say something else
 * @param more of its environment
 * @throws {LbError} `unsupported` where there is no such program, `not-permitted` where it may not be run
 */
export function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  stdin: "piped" | "null",
  others: Omit<Deno.CommandOptions, "args" | "env" | "stdin"> = {
    stdout: "piped",
    stderr: "piped",
  },
  more: Readonly<Record<string, string>> = {},
): Deno.ChildProcess {
  const env = { PATH: completePath(Deno.env.get("PATH")), LC_ALL: "C", ...more };
  try {
    return new Deno.Command(program, { ...others, args, env, stdin }).spawn();
  } catch (cause) {
    throw refusedStart(program, cause);
  }
}

/** A PATH with the system's folders at its end. */
export function completePath(path: string | undefined): string {
  const folders = (path ?? "").split(":").filter((folder) => folder !== "");
  return [...folders, ...SYSTEM_FOLDERS.filter((folder) => !folders.includes(folder))].join(":");
}

/** The error for a program that is not there; says which Debian package has it, where lb knows. */
export function missingProgram(program: string, cause?: unknown): LbError {
  const source = PACKAGES[program];
  const advice = source ? `; install the Debian package ${source}` : "";
  return new LbError("unsupported", `cannot run ${program}: no such program${advice}`, { cause });
}

function refusedStart(program: string, cause: unknown): unknown {
  if (cause instanceof Deno.errors.NotFound) return missingProgram(program, cause);
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new LbError("not-permitted", `cannot run ${program}: permission denied`, { cause });
  }
  return cause;
}
