import { isWorker } from "../kernel/worker_process.ts";
import { workerPlaces } from "../model/worker.ts";
import type {
  ClockPort,
  DaemonsPort,
  FilesPort,
  HeldSocket,
  HeldSocketsPort,
} from "../sys/ports.ts";

/** In which a predecessor answers what it has, and ends. */
const FAREWELL_MS_MAX = 3_000;
const LOOK_EVERY_MS = 20;

/** What the holder of queues leaves for a successor: which sockets it has, and where. */
interface Estate {
  readonly supervisor: number;
  readonly worker: number;
  readonly sockets: readonly {
    readonly queue: number;
    readonly fd: number;
    readonly name: string;
  }[];
}

/** What a successor works with. */
export interface PredecessorPorts {
  readonly files: FilesPort;
  readonly clock: ClockPort;
  readonly daemons: Pick<DaemonsPort, "signal">;
  readonly heldSockets: HeldSocketsPort;
  readonly runDir: string;
}

/** Who held the queues before us: a supervisor, its worker, or both. */
export class Predecessor {
  readonly #ports: PredecessorPorts;
  readonly #estate: Estate | undefined;

  constructor(ports: PredecessorPorts) {
    this.#ports = ports;
    this.#estate = parseEstate(ports.files.read(workerPlaces(ports.runDir).sockets));
  }

  /** Its processes that are there: what has such a number and is no worker of this folder is not one. */
  get pids(): number[] {
    const { supervisor = 0, worker = 0 } = this.#estate ?? {};
    return [supervisor, worker].filter((pid) =>
      isWorker(this.#ports.files, pid, this.#ports.runDir)
    );
  }

  /** Sockets that could be had, with the numbers of their queues. */
  takeSockets(): (readonly [queue: number, socket: HeldSocket])[] {
    const { heldSockets } = this.#ports;
    return (this.#estate?.sockets ?? []).flatMap(({ queue, fd, name }) => {
      for (const pid of this.pids) {
        const socket = heldSockets.take(pid, fd, name);
        if (socket) return [[queue, socket] as const];
      }
      return [];
    });
  }

  /** Ends it: by SIGTERM, and where it does not hear, by SIGKILL. */
  async end(): Promise<void> {
    const { clock, daemons } = this.#ports;
    // The first alone: a supervisor whose worker ends by itself starts another.
    for (const pid of this.pids.slice(0, 1)) daemons.signal(pid, "SIGTERM");
    const until_ms = clock.now_ms() + FAREWELL_MS_MAX;
    while (this.pids.length > 0 && clock.now_ms() < until_ms) await clock.sleep(LOOK_EVERY_MS);
    // The worker first: without its supervisor it would look for another.
    for (const pid of this.pids.reverse()) daemons.signal(pid, "SIGKILL");
  }
}

/** Writes down what a successor needs. */
export function leaveEstate(
  { files, runDir }: Pick<PredecessorPorts, "files" | "runDir">,
  pids: { readonly supervisor: number; readonly worker: number },
  sockets: ReadonlyMap<number, HeldSocket>,
): void {
  const held = Array.from(sockets, ([queue, { fd, name }]) => ({ queue, fd, name }));
  const estate: Estate = { ...pids, sockets: held };
  files.replace(workerPlaces(runDir).sockets, JSON.stringify(estate) + "\n", 0o600);
}

/** What we wrote ourselves, in a folder of our own: only its shape is looked at. */
function parseEstate(text: string | undefined): Estate | undefined {
  try {
    const estate = JSON.parse(text ?? "") as Estate;
    return Array.isArray(estate.sockets) ? estate : undefined;
  } catch {
    return undefined;
  }
}
