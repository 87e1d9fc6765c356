import { KernelError } from "../../model/error.ts";
import { withNft } from "../../netlink/nft/table.ts";
import { commitSmall } from "../../netlink/nft/transaction.ts";
import type { Kernel } from "../../sys/ports.ts";
import type { NftPlan } from "./plan.ts";
import type { TableName } from "./table.ts";

/** 10,000 services take nft some ten seconds; a hung nft must not hang a cron job. */
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
  const options = { timeout_ms: NFT_TIMEOUT_MS };
  const { code, stderr } = await kernel.process.run(["nft", "-f", path], options);
  if (code !== 0) throw refusal([...written.keys()], code, stderr);
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

function refusal(tables: readonly TableName[], code: number, stderr: string): KernelError {
  const lines = stderr.split("\n").filter((line) => line.trim() && !/^[\s^]*$/.test(line));
  const message = code === 124
    ? `no answer within ${NFT_TIMEOUT_MS / 1000} s`
    : lines.slice(0, 4).join(" / ") || `exit code ${code}`;
  const errno = ERRNO_BY_WORDS.find(([words]) => words.test(message))?.[1];
  return new KernelError({
    operation: "nft -f",
    object: `table ${tables.join(", ")}`,
    errno,
    message,
  });
}
