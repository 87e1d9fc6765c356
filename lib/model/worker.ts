/** What `lb queue`, the worker, and those who start and ask it have in common. */

/** What the kernel tells of one of the worker's queues. */
export interface WorkerQueue {
  readonly queue: number;
  /** Packets that wait for their verdict now. */
  readonly waiting: number;
  /** Packets lost because the queue was full, or the worker's socket; full queues let packets pass. */
  readonly dropped_full: number;
  readonly dropped_user: number;
  /** Packets queued since the queue was bound. */
  readonly packets: number;
}

/** What the worker says of itself. Counts are since its supervisor began, whatever became of its children. */
export interface WorkerStatus {
  readonly version: string;
  /** The supervisor's. */
  readonly pid: number;
  /** The process that chooses; 0 while there is none. */
  readonly worker_pid: number;
  /** The table that every thread chooses by; "" before the first. */
  readonly token: string;
  readonly since_ms: number;
  /** How often the process that chooses had to be replaced. */
  readonly restarts: number;
  /** Packets that were looked at. */
  readonly seen: number;
  /** Packets by the id of the backend that was chosen for them: of udp, a flow may have several. */
  readonly chosen: Readonly<Record<string, number>>;
  /** Packets looked at whose backend the kernel chose: no service's, or not to be understood. */
  readonly left_to_kernel: number;
  /** How often events of conntrack were lost, so that live counts were read anew. */
  readonly events_lost: number;
  /** Why connections are not counted, so that who would choose by counts goes by turn; undefined where they are. */
  readonly uncounted?: string;
  /** Packets that waited for a worker that was gone or hung, and were given to the kernel. */
  readonly released: number;
  readonly queues: readonly WorkerQueue[];
}

/** The worker's files in the run folder. */
export interface WorkerPlaces {
  /** What it chooses by, written by whoever applies. */
  readonly table: string;
  /** The supervisor's process id. */
  readonly pid: string;
  /** Where it is asked. */
  readonly socket: string;
  /** Which sockets it holds, for the one that takes them over. */
  readonly sockets: string;
  /** Held while sockets are taken over. */
  readonly lock: string;
}

/** Where the worker's files are. */
export function workerPlaces(runDir: string): WorkerPlaces {
  const at = (suffix: string) => `${runDir}/queue.${suffix}`;
  return {
    table: at("json"),
    pid: at("pid"),
    socket: at("sock"),
    sockets: at("sockets"),
    lock: at("lock"),
  };
}

/** sockaddr_un's path has 108 bytes with its end (unix(7)); of its draft's name, the process id takes seven. */
const SOCKET_PATH_BYTES_MAX = 107;
const LONGEST_PID = 4_194_304;

/** How long the run folder's path may be, bytes: its socket is found by it. */
export const RUN_DIR_BYTES_MAX = SOCKET_PATH_BYTES_MAX -
  `${workerPlaces("").socket}.${LONGEST_PID}`.length;

/** Within this a worker has read its table and started its threads, on a machine that is very busy, too, ms. */
export const START_MS_MAX = 30_000;

/** What the worker can be asked, one JSON document to a line. */
export interface WorkerRequest {
  readonly op: "status" | "reload" | "stop";
}

/** Its answer where it cannot do what it was asked. */
export interface WorkerRefusal {
  readonly error: string;
}

/** Its answer to `reload`: what every thread chooses by from now on. */
export interface WorkerReloaded {
  readonly token: string;
}
