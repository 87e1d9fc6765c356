import { commandLine, startTicks } from "../../kernel/process_facts.ts";
import { type Estate, isWorker } from "../../kernel/worker_identity.ts";
import { queueStatistics } from "../../netlink/queue/statistics.ts";
import type { FilesPort } from "../../sys/ports.ts";

/** What is read of the machine. */
export type Looker = Pick<FilesPort, "read" | "readLink" | "list">;

/** sk, protocol, port, groups, rmem, wmem, dump, locks, drops, inode (netlink_seq_show(), linux 6.18). */
const SOCKETS = "/proc/net/netlink";
const NETLINK_NETFILTER = "12";

/** A process's sockets, as an estate names them. */
interface Holder {
  readonly pid: number;
  readonly sockets: Estate["sockets"];
  readonly isWorker: boolean;
}

/**
 * What would have been written down in the run folder, by what the kernel tells: for where the folder is gone, and
 * whoever has the queues goes on. Looks at all processes, if anybody has a queue in this network namespace.
 *
 * @returns undefined where no process of this folder has a queue
 */
export function findEstate(files: Looker, runDir: string): Estate | undefined {
  const queues = queuesBySocket(files);
  if (queues.size === 0) return undefined;
  const holders = files.list("/proc").map(Number)
    .filter((pid) => isWorker(files, { pid }, runDir))
    .map((pid) => holderOf(files, pid, queues))
    .filter(({ sockets }) => sockets.length > 0);
  const first = holders[0];
  if (!first) return undefined;
  const [supervisor = 0, worker = 0] = [false, true]
    .map((isWorker) => holders.find((one) => one.isWorker === isWorker)?.pid);
  const started = {
    supervisor: startTicks(files, supervisor),
    worker: startTicks(files, worker),
  };
  // Both have the same ones, but each by numbers of its own.
  const { sockets } = holders.find(({ pid }) => pid === supervisor) ?? first;
  return { supervisor, worker, started, sockets };
}

/** Queue numbers by the names of the sockets that they are bound to. */
function queuesBySocket(files: Looker): Map<string, number> {
  const queues = queueStatistics(files) ?? [];
  if (queues.length === 0) return new Map();
  const rows = (files.read(SOCKETS) ?? "").split("\n").map((line) => line.trim().split(/\s+/));
  const names = new Map(
    rows.filter(([, protocol]) => protocol === NETLINK_NETFILTER)
      .map((row) => [Number(row[2]), `socket:[${row.at(-1)}]`]),
  );
  return new Map(queues.flatMap(({ queue, peer_portid }) => {
    const name = names.get(peer_portid);
    return name === undefined ? [] : [[name, queue]];
  }));
}

function holderOf(files: Looker, pid: number, queues: ReadonlyMap<string, number>): Holder {
  const folder = `/proc/${pid}/fd`;
  const sockets = (quietly(() => files.list(folder)) ?? []).flatMap((fd) => {
    const name = quietly(() => files.readLink(`${folder}/${fd}`));
    const queue = name === undefined ? undefined : queues.get(name);
    return queue === undefined ? [] : [{ queue, fd: Number(fd), name: name! }];
  });
  return { pid, sockets, isWorker: commandLine(files, pid).includes("--worker") };
}

/** A process may end, or close what it has, while it is looked at. */
function quietly<Value>(look: () => Value): Value | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
