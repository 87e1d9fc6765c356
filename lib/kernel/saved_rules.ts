import type { Family } from "../model/address.ts";
import { KernelError, LbError } from "../model/error.ts";
import type { FilesPort, ProcessPort } from "../sys/ports.ts";

/** By IP version. The older programs: the newer ones write nf_tables, which has better ways to be asked. */
export const XT_PROGRAMS = { 4: "iptables-legacy", 6: "ip6tables-legacy" } as const;

/** The tables of iptables' that there are. Asking for any other would make it; this file names them. */
export function xtTables(files: Pick<FilesPort, "read">, family: Family): string[] {
  const names = files.read(`/proc/net/${family === 4 ? "ip" : "ip6"}_tables_names`) ?? "";
  return names.split("\n").filter((name) => name !== "");
}

/**
 * All rules of iptables' as its own program saves them.
 *
 * @returns the error where there is no such program: tables of iptables' may be anybody's
 * @throws {KernelError} where it cannot tell
 */
export async function savedOrMissing(
  process: Pick<ProcessPort, "run">,
  family: Family,
): Promise<string | LbError> {
  try {
    return await savedRules(process, family);
  } catch (error) {
    if (error instanceof LbError && error.code === "unsupported") return error;
    throw error;
  }
}

async function savedRules({ run }: Pick<ProcessPort, "run">, family: Family): Promise<string> {
  const program = `${XT_PROGRAMS[family]}-save`;
  const { code, stdout, stderr } = await run([program]);
  if (code === 0) return stdout;
  const message = stderr.trim().split("\n")[0] || `exit code ${code}`;
  throw new KernelError({ operation: program, object: "rules of iptables", message });
}
