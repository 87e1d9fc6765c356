import { type Estate, estateHolders, readEstate } from "../../kernel/worker_identity.ts";
import { findEstate } from "./found_estate.ts";
import type {
  ClockPort,
  DaemonsPort,
  FilesPort,
  HeldSocket,
  HeldSocketsPort,
} from "../../sys/ports.ts";

/** In which a predecessor answers what it has, and ends. */
const PAIR_FAREWELL_MS_MAX = 3_000;
const LOOK_EVERY_MS = 20;

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
    const { files, runDir } = ports;
    // Where somebody has emptied the folder, and another run filled it again before its holder saw that.
    this.#estate = readEstate(files, runDir) ?? findEstate(files, runDir);
  }

  /** Its processes that are there: what has such a number and is no worker of this folder is not one. */
  get pids(): number[] {
    const { files, runDir } = this.#ports;
    return estateHolders(files, runDir, this.#estate);
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
    const until_ms = clock.now_ms() + PAIR_FAREWELL_MS_MAX;
    while (this.pids.length > 0 && clock.now_ms() < until_ms) await clock.sleep(LOOK_EVERY_MS);
    // The worker first: without its supervisor it would look for another.
    for (const pid of this.pids.reverse()) daemons.signal(pid, "SIGKILL");
  }
}
