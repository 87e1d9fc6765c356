import { parseAddress } from "../../model/address.ts";
import type { LoadFigure } from "../../model/load.ts";
import type {
  ClockPort,
  FilesPort,
  Peer,
  PeerSocket,
  PeersPort,
  ProcessPort,
  TlsPort,
} from "../../sys/ports.ts";
import type { CheckTarget } from "./check.ts";
import { inTime, Unwell } from "./failure.ts";

/** What checks take of the machine. */
export interface CheckPorts {
  readonly peers: PeersPort;
  /** Loaded when it is first asked for. */
  tls(): Promise<TlsPort>;
  readonly process: ProcessPort;
  readonly files: FilesPort;
  readonly clock: Pick<ClockPort, "sleep">;
}

/** One check under way. */
export interface Call extends CheckTarget {
  readonly ports: CheckPorts;
  /** By the clock of {@linkcode PeersPort}. */
  readonly until_ms: number;
  /** The file that says how to check. */
  readonly config?: string;
}

/** Ends well, with what was asked for if anything was, or throws why not. */
export type Check = (call: Call) => Promise<LoadFigure | void>;

/**
 * Where the backend is asked, and from where.
 *
 * @param usual the port of this kind of check, for a backend without one
 * @throws {Unwell} where there is no port
 */
export function peerOf({ address, port = 0, health }: Call, usual = 0): Peer {
  const number = health.port ?? (port || usual);
  if (number === 0) throw new Unwell("no port to check: give the check a `port`");
  return { address, port: number, source: sourceOf({ address, health }) };
}

/** An address of the other family is for the other backends. */
export function sourceOf(
  { address, health: { source } }: Pick<CheckTarget, "address" | "health">,
): string | undefined {
  const from = source === undefined ? undefined : parseAddress(source);
  return from && from.family !== address.family ? undefined : source;
}

/** @throws {KernelError | Unwell} */
export function connect({ ports, until_ms }: Call, peer: Peer): Promise<PeerSocket> {
  return inTime("no connection", ports.peers.tcp(peer, until_ms));
}
