import { withNft } from "../../netlink/nft/table.ts";
import { commitSmall } from "../../netlink/nft/transaction.ts";
import type { Kernel } from "../../sys/ports.ts";
import { runWriter } from "../../kernel/program.ts";
import type { NftPlan } from "./plan.ts";

/**
 * Runs one transaction: by nft, or straight over netlink where it is small.
 *
 * @throws {KernelError} with the errno; the kernel then holds what it held before
 */
export async function runTransaction(
  kernel: Kernel,
  { write, written, small }: Pick<NftPlan, "write" | "written" | "small">,
): Promise<void> {
  // A file, not a pipe: it is still there to be read when an operator wonders what was refused.
  const path = `${kernel.runDir}/transaction.nft`;
  kernel.files.replace(path, (put) => writePieces(write, put), 0o600);
  if (small && withNft(kernel.sockets, (connection) => commitSmall(connection, small))) return;
  const object = `table ${[...written.keys()].join(", ")}`;
  await runWriter(kernel.process, ["nft", "-f", path], { operation: "nft -f", object });
}

/** So many statements a piece make few writes. */
const STATEMENTS_PER_PIECE = 1_000;

/** A large transaction is never in memory as a whole. */
function writePieces(write: NftPlan["write"], put: (piece: string) => void): void {
  const statements: string[] = [];
  const flush = () => put(`${statements.splice(0).join("\n")}\n`);
  write((statement) => {
    if (statements.push(statement) === STATEMENTS_PER_PIECE) flush();
  });
  flush();
}
