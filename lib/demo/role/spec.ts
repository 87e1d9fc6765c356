/**
 * What a child process of ours is to do inside its namespace, handed over as one JSON argument
 * (`lb demo --role JSON`), and what it says on stdout: one JSON document per line.
 */
export type RoleSpec = BackendSpec | ClientSpec;

/** What a client does. */
export type ClientSpec = RequestsSpec | SteadySpec | DownloadsSpec;

/** Answers its name: over HTTP on the `tcp` ports, to every datagram on the `udp` ports. */
export interface BackendSpec {
  readonly role: "backend";
  readonly name: string;
  readonly tcp: readonly number[];
  readonly udp: readonly number[];
  /** Goes on when whoever started it ends (`lb demo --keep`). */
  readonly stay?: boolean;
}

/** Where a client sends to: a VIP and a port of it. Several are taken in turn. */
export interface Door {
  readonly address: string;
  readonly port: number;
}

/** Which address and port a client sends from; whatever is left out is the kernel's choice. */
export interface Source {
  readonly address?: string;
  readonly port?: number;
}

/**
 * Many clients: request `i` comes from address `i` modulo their number, and where a first port is given,
 * from another port every time around. Always the same ones, so a hash answers the same in every run.
 */
export interface Sources {
  readonly addresses?: readonly string[];
  readonly first_port?: number;
}

interface Requests {
  readonly protocol?: "tcp" | "udp";
  readonly doors: readonly Door[];
  readonly sources?: Sources;
  /** HTTP path. @default "/" */
  readonly path?: string;
  /** Size of a udp request. @default 1 */
  readonly bytes?: number;
  /** A request without its answer after this time has failed. @default 5000 */
  readonly timeout_ms?: number;
}

/** `count` requests, each on a connection (or socket) of its own, `concurrency` at a time. */
export interface RequestsSpec extends Requests {
  readonly role: "requests";
  readonly count: number;
  /** @default 16 */
  readonly concurrency?: number;
  /** What has not been sent after this time has failed: a broken way must not take for ever. @default 30 */
  readonly seconds_max?: number;
}

/** `per_second` requests a second until stdin closes, but `seconds_max` at most. */
export interface SteadySpec extends Requests {
  readonly role: "steady";
  readonly per_second: number;
  readonly seconds_max: number;
}

/**
 * `count` downloads at once, each of which takes `seconds`, or until stdin closes: then each ends with its next
 * piece, and one that gets no more is broken. Says `ready` when all of them flow.
 */
export interface DownloadsSpec {
  readonly role: "downloads";
  readonly doors: readonly Door[];
  readonly sources?: Sources;
  readonly count: number;
  readonly seconds: number;
  /** How often each gets a piece, ms. @default 100 */
  readonly every_ms?: number;
}

/** What clients got. */
export interface RequestsResult {
  readonly requests: number;
  readonly failed: number;
  /** Answers by the name of the backend. */
  readonly per_backend: Readonly<Record<string, number>>;
  /** Names in the order of the requests; "" where one failed. Exact order needs `concurrency` 1. */
  readonly answers: readonly string[];
  /** What failed requests failed of, and how often. */
  readonly errors: Readonly<Record<string, number>>;
  readonly slowest_ms: number;
  /** Answers that took over {@linkcode SLOW_MS}. */
  readonly slow: number;
  readonly duration_ms: number;
}

/** How downloads ended. */
export interface DownloadsResult {
  readonly completed: number;
  readonly broken: number;
  /** Downloads by the name of the backend they came from. */
  readonly per_backend: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
}

/** What a role says on stdout. */
export type RoleEvent =
  | { readonly event: "ready"; readonly per_backend?: Readonly<Record<string, number>> }
  | { readonly event: "progress"; readonly done: number }
  | { readonly event: "result"; readonly result: RequestsResult | DownloadsResult };

/** The first retransmission of a lost SYN comes after 1 s: what takes half of that has lost something. */
export const SLOW_MS = 500;
