import type { Event } from "../store/events.ts";
import type { ChannelName } from "../store/outbox.ts";
import type { FilesPort, ProcessPort, WebPort } from "../sys/ports.ts";

/** A way by which somebody is told of events. */
export interface Channel {
  readonly name: ChannelName;
  /** The longest that a try may take. */
  readonly timeout_ms: number;
  /** Where it leads, without what may be secret of it. */
  readonly where: string;
  /** @throws {Error} why it did not come about, in words */
  tell(telling: Telling): Promise<void>;
}

/** One try. */
export interface Telling {
  readonly event: Event;
  /** Its number, from 1. */
  readonly attempt: number;
  readonly timeout_ms: number;
  /** Milliseconds since 1970. */
  readonly now_ms: number;
}

/** What telling takes of the machine. */
export interface ChannelPorts {
  readonly files: FilesPort;
  readonly process: ProcessPort;
  /** Loaded when something is posted. */
  readonly web: () => Promise<WebPort>;
}

/** Who tells. */
export interface Teller {
  readonly ports: ChannelPorts;
  /** Absolute path of `lb.toml`: who may write to it could name the program. */
  readonly config: string;
  /** Of lb. */
  readonly version: string;
}
