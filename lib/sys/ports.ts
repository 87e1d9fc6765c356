import type { Address, Family } from "../model/address.ts";

/**
 * The machine, as lb sees it: small interfaces that the composition roots fill with the real thing and
 * tests with equipment of their own. Types only.
 */

export type * from "./queue_ports.ts";

/** What a program printed and how it ended. */
export interface RunResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface RunOptions {
  readonly stdin?: string;
  /** The program is killed and the result has code 124 after this time. @default 60000 */
  readonly timeout_ms?: number;
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What is kept of its output, and of its errors; the rest is read and forgotten. @default all of it */
  readonly output_bytes_max?: number;
  /** Runs in a session of its own: at the time-out, what it has started is killed with it. */
  readonly isApart?: boolean;
}

/** Runs other programs: always an argument list, never a shell. */
export interface ProcessPort {
  /** @throws {LbError} `unsupported` where the program does not exist */
  run(argv: readonly [string, ...string[]], options?: RunOptions): Promise<RunResult>;
}

/** What a file is. */
export interface FileStat {
  readonly mode: number;
  readonly uid: number;
  /** A plain one: no folder, symlink, pipe, socket or device. */
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
  readonly size_bytes: number;
}

/** What is written to a file: whole, or a function that puts out a large text piece by piece. */
export type FileContent = string | Uint8Array | ((put: (piece: string) => void) => void);

/** Files, small ones as a rule: configuration, /proc and /sys. Synchronous, because none of it is worth waiting for. */
export interface FilesPort {
  /** @returns undefined where the file does not exist. @throws Deno.errors otherwise */
  read(path: string): string | undefined;
  /** The same for files that are not text. */
  readBytes(path: string): Uint8Array<ArrayBuffer> | undefined;
  /** For large ones: line by line, read as they are asked for. None where the file does not exist. @throws Deno.errors otherwise */
  lines(path: string): Iterable<string>;
  /** Writes in place, as /proc wants it. @throws Deno.errors; EROFS and EACCES by `error.code` */
  write(path: string, text: string): void;
  /**
   * Replaces a file by a rename, after the new content is on disk.
   *
   * @param mode undefined keeps owner and mode of the file that is there, also behind a symlink; a new one gets 0600
   * @param how.follows false in a folder of somebody else's: no symlink there is followed. @default true
   * @throws {LbError} `not-permitted` where a device, a pipe or a socket is there
   */
  replace(path: string, content: FileContent, mode?: number, how?: { follows: boolean }): void;
  /** What a symlink points to; undefined where there is none. */
  readLink(path: string): string | undefined;
  /** Names in a folder, sorted; empty where it does not exist. */
  list(path: string): string[];
  /** Without following a last symlink; undefined where there is nothing. */
  stat(path: string): FileStat | undefined;
  /** With parents; an existing folder keeps its mode. */
  mkdir(path: string, mode: number): void;
  /** Nothing happens where there is nothing. */
  remove(path: string): void;
}

/** Time, and waiting for it. */
export interface ClockPort {
  /** Milliseconds since 1970. */
  now_ms(): number;
  sleep(ms: number): Promise<void>;
}

/** One datagram socket of the kernel's. */
export interface RawSocket {
  /** @throws {KernelError} with the errno */
  send(bytes: Uint8Array): void;
  /** The next datagram. @throws {KernelError} ETIMEDOUT after 5 s of silence */
  receive(): Uint8Array;
  close(): void;
}

/** Sends packets of any source, through the packet filter, to wherever routes lead. */
export interface PacketsPort {
  /** @param packet with its IP header. @throws {KernelError} where there is no way to `to` */
  send(packet: Uint8Array<ArrayBuffer>, to: Address): void;
  close(): void;
}

/** Opens one for packets of an IP version. @throws {KernelError} EPERM without CAP_NET_RAW */
export type OpenPackets = (family: Family) => PacketsPort;

/** Sockets that Deno has not. */
export interface SocketsPort {
  /** AF_NETLINK, SOCK_RAW, strict checking and extended acks on. `protocol`: NETLINK_ROUTE 0, NETLINK_NETFILTER 12, … */
  netlink(protocol: number): RawSocket;
  /** AF_PACKET, SOCK_RAW on one interface: whole ethernet frames. */
  packet(ifindex: number): RawSocket;
}

/** Another machine, and from where it is spoken to. */
export interface Peer {
  readonly address: Address;
  /** 0 where the protocol has none. */
  readonly port: number;
  /** An address or an interface of ours; undefined leaves it to the kernel. */
  readonly source?: string;
}

/**
 * A connection to another machine, or a datagram socket that talks with nobody else. Whatever that one does,
 * nothing takes longer than to `until_ms`, by {@linkcode PeersPort.now_ms}.
 */
export interface PeerSocket {
  /** All of the bytes. @throws {KernelError} ETIMEDOUT, or what the other machine or the way to it says */
  send(bytes: Uint8Array<ArrayBuffer>, until_ms: number): Promise<void>;
  /**
   * What comes next: some bytes of a connection, or one datagram; a raw one with its IPv4 header.
   *
   * @returns undefined where the connection has ended
   * @throws {KernelError} ETIMEDOUT, or what the other machine or the way to it says
   */
  receive(until_ms: number): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /**
   * Never waits. A connection ends as usual, not by a reset: to some servers (Deno 2.9's own Listener) one that
   * is reset before they have accepted it is a reason to stop.
   */
  close(): void;
}

/** Other machines. */
export interface PeersPort {
  /** Milliseconds by a clock that is never set. */
  now_ms(): number;
  /** @throws {KernelError} ETIMEDOUT, ECONNREFUSED, …; EADDRNOTAVAIL or ENODEV where `source` is not here */
  tcp(peer: Peer, until_ms: number): Promise<PeerSocket>;
  /** ICMP errors come as errors of its calls. @throws {KernelError} */
  udp(peer: Peer): PeerSocket;
  /** Raw ICMP or ICMPv6, by the family of the address. @throws {KernelError} EPERM without CAP_NET_RAW */
  icmp(peer: Peer): PeerSocket;
}

/** What is wanted of the other side of a TLS connection. */
export interface TlsOptions {
  /** The name (or address) that its certificate must have, and that it is asked for (a name only). */
  readonly name: string;
  /** Whether its certificate must be valid, and of a known authority. */
  readonly verify: boolean;
}

/** TLS over what is connected already. */
export interface TlsPort {
  /**
   * Closing what is returned closes `socket`.
   *
   * @throws {TlsError} where the other side's certificate or words are not accepted
   * @throws {KernelError} where the connection ends or stays silent
   */
  over(socket: PeerSocket, options: TlsOptions, until_ms: number): Promise<PeerSocket>;
}

/** What is posted, and how long that may take. */
export interface Posting {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly timeout_ms: number;
}

/** Servers of the web. */
export interface WebPort {
  /**
   * Posts by http or https. Redirects are not followed, certificates are checked, and of the answer nothing is
   * read but its status.
   *
   * @returns the status
   * @throws {Error} why there is none, in words that do not hold the URL: there may be a secret in it
   */
  post(url: string, posting: Posting): Promise<number>;
}

/** A held lock. */
export interface Lock {
  release(): void;
}

/** Keeps two lbs out of each other's way. */
export interface LockPort {
  /**
   * Takes an exclusive flock(2) on a file, made if need be (0600).
   *
   * @throws {LbError} `busy` after `timeout_ms`, naming the holder
   */
  acquire(path: string, timeout_ms: number): Promise<Lock>;
}

/** Everything an engine or a host resource may touch. */
export interface Kernel {
  readonly process: ProcessPort;
  readonly files: FilesPort;
  readonly sockets: SocketsPort;
  readonly clock: ClockPort;
  /** A private folder of lb's (0700), usually /run/lb: locks, and what is handed to other programs. */
  readonly runDir: string;
}

/** A program that runs beside us and is fed and heard while it does. */
export interface Child {
  readonly pid: number;
  /** Its standard output, line by line; ends when the program closes it. Can be walked once. */
  readonly lines: AsyncIterableIterator<string>;
  /** Its end: the exit code (128 + the signal's number where one ended it) and what it wrote on stderr. */
  readonly ended: Promise<{ readonly code: number; readonly stderr: string }>;
  /** Closes its standard input, which also happens by itself when we die: it can take that as "stop". */
  closeInput(): Promise<void>;
  /** SIGKILL; nothing happens where it has ended already. */
  kill(): void;
}

/** Runs programs beside us. */
export interface ChildrenPort {
  /** Starts a program: an argument list, never a shell. @throws {LbError} `unsupported` where it does not exist */
  spawn(argv: readonly [string, ...string[]]): Child;
}

/** A program of ours that runs beside us; both talk by lines. */
export interface Partner {
  readonly pid: number;
  /** What it says, line by line; ends with the program. Can be walked once. */
  readonly lines: AsyncIterableIterator<string>;
  /** Ends with the program; whatever it ended with. */
  readonly ended: Promise<void>;
  /** Says a line; nothing happens where it has ended already. */
  say(line: string): void;
  /** Nothing happens where it has ended already. */
  kill(): void;
}

/** Programs that stay when we end, and what is said to them. */
export interface DaemonsPort {
  /**
   * Starts a program in a session of its own, without input and output: it stays when we end.
   *
   * @returns its process id
   * @throws {LbError} `unsupported` where there is no such program
   */
  start(argv: readonly [string, ...string[]]): number;
  /** Starts one that ends when it is told so, and hears of our end by the end of its input. */
  partner(argv: readonly [string, ...string[]]): Partner;
  /** Says one line by a Unix socket. @returns the line answered; undefined where there is none in time */
  ask(path: string, line: string, timeout_ms: number): Promise<string | undefined>;
  /** Nothing happens where there is no such process. */
  signal(pid: number, signal: "SIGTERM" | "SIGKILL"): void;
}

/** Standard input and output, for programs that talk with whoever started them. */
export interface StandardPort {
  /** Ends where that one closes it, or dies. */
  lines(): AsyncIterableIterator<string>;
  /** Waits while nobody reads; what nobody reads any more is lost. */
  say(line: string): Promise<void>;
}

/** A Unix socket at which questions are answered. */
export interface Listener {
  /**
   * Answers one line of each connection with a line, at its path from now on: taken over from whoever answered
   * there before, without a moment in which nobody does.
   */
  serve(answer: (line: string) => Promise<string>): void;
  /** Answers no more. The file stays. */
  close(): void;
}

/** Unix sockets of ours. */
export interface ListenerPort {
  /**
   * Makes one that nobody finds yet. Only our own user may ask (0600).
   *
   * @throws {LbError} `not-permitted` where it cannot be made: a full disk, a path that is too long
   */
  bind(path: string): Listener;
}

/** systemd, or what speaks like it, where it started us. */
export interface ServiceManager {
  /** It has to hear of us more often than that; undefined where it does not care. */
  readonly watchdog_ms: number | undefined;
  /** Tells it: `READY=1`, `WATCHDOG=1`, `STATUS=…` (sd_notify(3)). */
  tell(...lines: readonly string[]): void;
}

/** The terminal that a program was started on: its standard input and output. */
export interface TerminalPort {
  size(): { readonly columns: number; readonly rows: number };
  /** Whether somebody sits there: a line can be lost. */
  isThere(): boolean;
  /** @returns ends it */
  onResize(work: () => void): () => void;
  /** Takes all of it: keys come at once and without echo, and what was on the screen comes back with `leave`. */
  enter(): void;
  /** Empties the screen and fills it from its first row on, where the cursor stays. @param lines no wider and no more than there is room for */
  fill(lines: readonly string[]): void;
  /** @returns whether all of it was taken: a terminal that takes nothing is not waited for for long */
  write(text: string): boolean;
  /** As it was before. Where that is so already, or nobody is there any more, nothing happens. */
  leave(): void;
}
